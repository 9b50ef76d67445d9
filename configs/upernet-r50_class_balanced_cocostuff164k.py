# UPerNet R50 with the class-balanced loss with the beta that suits pixel counts on COCO-Stuff 164k.
#     python tools/train.py configs/upernet-r50_class_balanced_cocostuff164k.py
# Not run by us.
_base_ = './upernet-r50_ce_cocostuff164k.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
