# UPerNet R50 with the class-balanced loss with the beta that suits pixel counts on BDD100K.
#     python tools/train.py configs/upernet-r50_class_balanced_bdd100k.py
# Not run by us.
_base_ = './upernet-r50_ce_bdd100k.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
