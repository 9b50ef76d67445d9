# DeepLabv3+ with ARB-Loss on MiniCity.
#     python tools/train.py configs/deeplabv3plus_arb_minicity.py
# The demonstration of `make demo`.
_base_ = './deeplabv3plus_ce_minicity.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
