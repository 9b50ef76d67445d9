"""Readable names of types of MMSegmentation, MMPretrain and mmengine; types of ltseg have a ``short_name``."""

__all__ = ['BACKBONES', 'GENERIC_DATA', 'HEADS', 'NAMES', 'PLAIN_SAMPLERS', 'USUAL_ARGUMENTS']

NAMES = {
    # losses
    'CrossEntropyLoss': 'cross entropy',
    'LabelSmoothLoss': 'label smoothing',
    'FocalLoss': 'focal',
    'DiceLoss': 'Dice',
    'LovaszLoss': 'Lovász',
    'TverskyLoss': 'Tversky',
    'HuasdorffDisstanceLoss': 'Hausdorff distance',
    'OhemCrossEntropy': 'OHEM',
    'AsymmetricLoss': 'asymmetric',
    'SeesawLoss': 'Seesaw',
    # sampling of pixels and images
    'OHEMPixelSampler': 'OHEM',
    'ClassBalancedDataset': 'repeat-factor sampling',
    'RepeatAugSampler': 'repeated augmentation',
    # mixed images
    'Mixup': 'mixup',
    'ResizeMix': 'ResizeMix',
    # hooks
    'EMAHook': 'EMA',
    'SWAHook': 'SWA',
    # data sets
    'ADE20KDataset': 'ADE20K',
    'ChaseDB1Dataset': 'CHASE DB1',
    'COCOStuffDataset': 'COCO-Stuff',
    'DarkZurichDataset': 'Dark Zurich',
    'HSIDrive20Dataset': 'HSI-Drive 2.0',
    'MapillaryDataset_v1': 'Mapillary Vistas 1.2',
    'MapillaryDataset_v2': 'Mapillary Vistas 2.0',
    'NightDrivingDataset': 'Nighttime Driving',
    'NYUDataset': 'NYU Depth v2',
    'PascalVOCDataset': 'Pascal VOC',
    'PascalContextDataset': 'Pascal Context 60',
    'PascalContextDataset59': 'Pascal Context 59',
    'ISPRSDataset': 'Vaihingen',
    'CIFAR10': 'CIFAR-10',
    'CIFAR100': 'CIFAR-100',
}
# Arguments that have no default but usual values, which go without saying.
USUAL_ARGUMENTS = {'Mixup': {'alpha': 1.0}, 'CutMix': {'alpha': 1.0}, 'ClassBalancedDataset': {'oversample_thr': 1e-3}}
PLAIN_SAMPLERS = frozenset({'DefaultSampler', 'InfiniteSampler'})
# Data sets that hold whatever is in their folder.
GENERIC_DATA = frozenset({'BaseSegDataset', 'CustomDataset', 'BaseDataset', 'ImageFolder', 'MultiLabelDataset'})
# Segmentation models by their decode head. FCNHead serves many backbones and names none.
HEADS = {
    'ANNHead': 'ANN',
    'ASPPHead': 'DeepLabv3',
    'CCHead': 'CCNet',
    'DAHead': 'DANet',
    'DDRHead': 'DDRNet',
    'DepthwiseSeparableASPPHead': 'DeepLabv3+',
    'DMHead': 'DMNet',
    'DNLHead': 'DNLNet',
    'EncHead': 'EncNet',
    'FPNHead': 'Semantic FPN',
    'GCHead': 'GCNet',
    'ISAHead': 'ISANet',
    'LRASPPHead': 'LR-ASPP',
    'Mask2FormerHead': 'Mask2Former',
    'MaskFormerHead': 'MaskFormer',
    'NLHead': 'NonLocal',
    'OCRHead': 'OCRNet',
    'PIDHead': 'PIDNet',
    'PointHead': 'PointRend',
    'PSAHead': 'PSANet',
    'PSPHead': 'PSPNet',
    'SegformerHead': 'SegFormer',
    'SegmenterMaskTransformerHead': 'Segmenter',
    'SETRUPHead': 'SETR',
    'UPerHead': 'UPerNet',
}
# Backbones with their short form behind a head, before the depth.
BACKBONES = {
    'CIFARResNet': ('ResNet', 'R'),
    'ResNet': ('ResNet', 'R'),
    'ResNet_CIFAR': ('ResNet', 'R'),
    'ResNetV1c': ('ResNet', 'R'),
    'ResNetV1d': ('ResNet', 'R'),
    'ResNeXt': ('ResNeXt', 'X'),
    'ResNeSt': ('ResNeSt', 'S'),
    'SEResNet': ('SE-ResNet', 'SE-R'),
}
