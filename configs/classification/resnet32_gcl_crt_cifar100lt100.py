# ResNet-32 with GCL in both stages on CIFAR-100-LT, factor 100: the second goes on with the classifier alone.
#     python tools/train.py configs/classification/resnet32_gcl_crt_cifar100lt100.py
# Not measured.
_base_ = ['./resnet32_gcl_cifar100lt100.py', '../_base_/stages/gcl.py']
report = dict(method='GCL')
