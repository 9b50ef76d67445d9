# ResNet-32 with LDAM on a cosine classifier on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ldam_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
model = dict(head=dict(
    classifier=dict(type='ltseg.CosineClassifier'), loss=dict(_delete_=True, type='ltseg.LDAMLoss')))
