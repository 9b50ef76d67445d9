# DeepLabv3+ with ARB-Loss and peer-to-peer terms on class means and classifier on CamVid.
#     python tools/train.py configs/deeplabv3plus_arb_p2p_camvid.py
# Measured: docs/results.md.
_base_ = './deeplabv3plus_arb_camvid.py'
model = dict(decode_head=dict(regularizers=[
    dict(type='ltseg.PeerToPeerRegularizer', on='means'),
    dict(type='ltseg.PeerToPeerRegularizer', on='classifier'),
]))
