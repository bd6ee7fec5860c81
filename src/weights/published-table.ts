// Written by test/golden/published.py from torchvision 0.28.0. Change the script, not this file.
import { bicubic, bilinear, HALF, type TableRow } from "./published-row.js";

/** By network, then by the weights' name; the first of a network is its default. */
// biome-ignore format: a row is a line.
export const PUBLISHED: Readonly<Record<string, Readonly<Record<string, TableRow>>>> = {
  densenet121: {
    IMAGENET1K_V1: { file: "densenet121-a639ec97.pth", mebibytes: 30.845, top1: 74.434, top5: 91.972, preprocessing: bilinear(256, 224) },
  },
  densenet161: {
    IMAGENET1K_V1: { file: "densenet161-8d451a50.pth", mebibytes: 110.369, top1: 77.138, top5: 93.56, preprocessing: bilinear(256, 224) },
  },
  densenet169: {
    IMAGENET1K_V1: { file: "densenet169-b2777c0a.pth", mebibytes: 54.708, top1: 75.6, top5: 92.806, preprocessing: bilinear(256, 224) },
  },
  densenet201: {
    IMAGENET1K_V1: { file: "densenet201-c1103571.pth", mebibytes: 77.373, top1: 76.896, top5: 93.37, preprocessing: bilinear(256, 224) },
  },
  efficientnet_b0: {
    IMAGENET1K_V1: { file: "efficientnet_b0_rwightman-7f5810bc.pth", mebibytes: 20.451, top1: 77.692, top5: 93.532, preprocessing: bicubic(256, 224) },
  },
  efficientnet_b1: {
    IMAGENET1K_V2: { file: "efficientnet_b1-c27df63c.pth", mebibytes: 30.136, top1: 79.838, top5: 94.934, preprocessing: bilinear(255, 240) },
    IMAGENET1K_V1: { file: "efficientnet_b1_rwightman-bac287d4.pth", mebibytes: 30.134, top1: 78.642, top5: 94.186, preprocessing: bicubic(256, 240) },
  },
  efficientnet_b2: {
    IMAGENET1K_V1: { file: "efficientnet_b2_rwightman-c35c1473.pth", mebibytes: 35.174, top1: 80.608, top5: 95.31, preprocessing: bicubic(288, 288) },
  },
  efficientnet_b3: {
    IMAGENET1K_V1: { file: "efficientnet_b3_rwightman-b3899882.pth", mebibytes: 47.184, top1: 82.008, top5: 96.054, preprocessing: bicubic(320, 300) },
  },
  efficientnet_b4: {
    IMAGENET1K_V1: { file: "efficientnet_b4_rwightman-23ab8bcd.pth", mebibytes: 74.489, top1: 83.384, top5: 96.594, preprocessing: bicubic(384, 380) },
  },
  efficientnet_b5: {
    IMAGENET1K_V1: { file: "efficientnet_b5_lukemelas-1a07897c.pth", mebibytes: 116.864, top1: 83.444, top5: 96.628, preprocessing: bicubic(456, 456) },
  },
  efficientnet_b6: {
    IMAGENET1K_V1: { file: "efficientnet_b6_lukemelas-24a108a5.pth", mebibytes: 165.362, top1: 84.008, top5: 96.916, preprocessing: bicubic(528, 528) },
  },
  efficientnet_b7: {
    IMAGENET1K_V1: { file: "efficientnet_b7_lukemelas-c5b4e57e.pth", mebibytes: 254.675, top1: 84.122, top5: 96.908, preprocessing: bicubic(600, 600) },
  },
  efficientnet_v2_l: {
    IMAGENET1K_V1: { file: "efficientnet_v2_l-59c71312.pth", mebibytes: 454.573, top1: 85.808, top5: 97.788, preprocessing: bicubic(480, 480, HALF) },
  },
  efficientnet_v2_m: {
    IMAGENET1K_V1: { file: "efficientnet_v2_m-dc08266a.pth", mebibytes: 208.01, top1: 85.112, top5: 97.156, preprocessing: bilinear(480, 480) },
  },
  efficientnet_v2_s: {
    IMAGENET1K_V1: { file: "efficientnet_v2_s-dd5fe13b.pth", mebibytes: 82.704, top1: 84.228, top5: 96.878, preprocessing: bilinear(384, 384) },
  },
  googlenet: {
    IMAGENET1K_V1: { file: "googlenet-1378be20.pth", mebibytes: 49.731, top1: 69.778, top5: 89.53, preprocessing: bilinear(256, 224, HALF) },
  },
  mobilenet_v3_large: {
    IMAGENET1K_V2: { file: "mobilenet_v3_large-5c1a4163.pth", mebibytes: 21.107, top1: 75.274, top5: 92.566, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "mobilenet_v3_large-8738ca79.pth", mebibytes: 21.114, top1: 74.042, top5: 91.34, preprocessing: bilinear(256, 224) },
  },
  mobilenet_v3_small: {
    IMAGENET1K_V1: { file: "mobilenet_v3_small-047dcff4.pth", mebibytes: 9.829, top1: 67.668, top5: 87.402, preprocessing: bilinear(256, 224) },
  },
  regnet_x_16gf: {
    IMAGENET1K_V2: { file: "regnet_x_16gf-ba3796d7.pth", mebibytes: 207.627, top1: 82.716, top5: 96.196, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_16gf-2007eb11.pth", mebibytes: 207.627, top1: 80.058, top5: 94.944, preprocessing: bilinear(256, 224) },
  },
  regnet_x_1_6gf: {
    IMAGENET1K_V2: { file: "regnet_x_1_6gf-a12f2b72.pth", mebibytes: 35.339, top1: 79.668, top5: 94.922, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_1_6gf-e3633e7f.pth", mebibytes: 35.339, top1: 77.04, top5: 93.44, preprocessing: bilinear(256, 224) },
  },
  regnet_x_32gf: {
    IMAGENET1K_V2: { file: "regnet_x_32gf-6eb8fdc6.pth", mebibytes: 412.039, top1: 83.014, top5: 96.288, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_32gf-9d47f8d0.pth", mebibytes: 412.039, top1: 80.622, top5: 95.248, preprocessing: bilinear(256, 224) },
  },
  regnet_x_3_2gf: {
    IMAGENET1K_V2: { file: "regnet_x_3_2gf-7071aa85.pth", mebibytes: 58.756, top1: 81.196, top5: 95.43, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_3_2gf-f342aeae.pth", mebibytes: 58.756, top1: 78.364, top5: 93.992, preprocessing: bilinear(256, 224) },
  },
  regnet_x_400mf: {
    IMAGENET1K_V2: { file: "regnet_x_400mf-62229a5f.pth", mebibytes: 21.257, top1: 74.864, top5: 92.322, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_400mf-adf1edd5.pth", mebibytes: 21.258, top1: 72.834, top5: 90.95, preprocessing: bilinear(256, 224) },
  },
  regnet_x_800mf: {
    IMAGENET1K_V2: { file: "regnet_x_800mf-94a99ebd.pth", mebibytes: 27.945, top1: 77.522, top5: 93.826, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_800mf-ad17e45c.pth", mebibytes: 27.945, top1: 75.212, top5: 92.348, preprocessing: bilinear(256, 224) },
  },
  regnet_x_8gf: {
    IMAGENET1K_V2: { file: "regnet_x_8gf-2b70d774.pth", mebibytes: 151.456, top1: 81.682, top5: 95.678, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_x_8gf-03ceed89.pth", mebibytes: 151.456, top1: 79.344, top5: 94.686, preprocessing: bilinear(256, 224) },
  },
  regnet_y_128gf: {
    IMAGENET1K_SWAG_E2E_V1: { file: "regnet_y_128gf_swag-c8ce3e52.pth", mebibytes: 2461.564, top1: 88.228, top5: 98.682, preprocessing: bicubic(384, 384) },
    IMAGENET1K_SWAG_LINEAR_V1: { file: "regnet_y_128gf_lc_swag-cbe8ce12.pth", mebibytes: 2461.564, top1: 86.068, top5: 97.844, preprocessing: bicubic(224, 224) },
  },
  regnet_y_16gf: {
    IMAGENET1K_V2: { file: "regnet_y_16gf-3e4a00f9.pth", mebibytes: 319.49, top1: 82.886, top5: 96.328, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_16gf-9e6ed7dd.pth", mebibytes: 319.49, top1: 80.424, top5: 95.24, preprocessing: bilinear(256, 224) },
    IMAGENET1K_SWAG_E2E_V1: { file: "regnet_y_16gf_swag-43afe44d.pth", mebibytes: 319.49, top1: 86.012, top5: 98.054, preprocessing: bicubic(384, 384) },
    IMAGENET1K_SWAG_LINEAR_V1: { file: "regnet_y_16gf_lc_swag-f3ec0043.pth", mebibytes: 319.49, top1: 83.976, top5: 97.244, preprocessing: bicubic(224, 224) },
  },
  regnet_y_1_6gf: {
    IMAGENET1K_V2: { file: "regnet_y_1_6gf-0d7bc02a.pth", mebibytes: 43.152, top1: 80.876, top5: 95.444, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_1_6gf-b11a554e.pth", mebibytes: 43.152, top1: 77.95, top5: 93.966, preprocessing: bilinear(256, 224) },
  },
  regnet_y_32gf: {
    IMAGENET1K_V2: { file: "regnet_y_32gf-8db6d4b5.pth", mebibytes: 554.076, top1: 83.368, top5: 96.498, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_32gf-4dee3f7a.pth", mebibytes: 554.076, top1: 80.878, top5: 95.34, preprocessing: bilinear(256, 224) },
    IMAGENET1K_SWAG_E2E_V1: { file: "regnet_y_32gf_swag-04fdfa75.pth", mebibytes: 554.076, top1: 86.838, top5: 98.362, preprocessing: bicubic(384, 384) },
    IMAGENET1K_SWAG_LINEAR_V1: { file: "regnet_y_32gf_lc_swag-e1583746.pth", mebibytes: 554.076, top1: 84.622, top5: 97.48, preprocessing: bicubic(224, 224) },
  },
  regnet_y_3_2gf: {
    IMAGENET1K_V2: { file: "regnet_y_3_2gf-9180c971.pth", mebibytes: 74.567, top1: 81.982, top5: 95.972, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_3_2gf-b5a9779c.pth", mebibytes: 74.567, top1: 78.948, top5: 94.576, preprocessing: bilinear(256, 224) },
  },
  regnet_y_400mf: {
    IMAGENET1K_V2: { file: "regnet_y_400mf-e6988f5f.pth", mebibytes: 16.806, top1: 75.804, top5: 92.742, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_400mf-c65dace8.pth", mebibytes: 16.806, top1: 74.046, top5: 91.716, preprocessing: bilinear(256, 224) },
  },
  regnet_y_800mf: {
    IMAGENET1K_V2: { file: "regnet_y_800mf-58fc7688.pth", mebibytes: 24.774, top1: 78.828, top5: 94.502, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_800mf-1b27b58c.pth", mebibytes: 24.774, top1: 76.42, top5: 93.136, preprocessing: bilinear(256, 224) },
  },
  regnet_y_8gf: {
    IMAGENET1K_V2: { file: "regnet_y_8gf-dc2b1b54.pth", mebibytes: 150.701, top1: 82.828, top5: 96.33, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "regnet_y_8gf-d0d0e4a8.pth", mebibytes: 150.701, top1: 80.032, top5: 95.048, preprocessing: bilinear(256, 224) },
  },
  resnet101: {
    IMAGENET1K_V2: { file: "resnet101-cd907fc2.pth", mebibytes: 170.53, top1: 81.886, top5: 95.78, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "resnet101-63fe2227.pth", mebibytes: 170.511, top1: 77.374, top5: 93.546, preprocessing: bilinear(256, 224) },
  },
  resnet152: {
    IMAGENET1K_V2: { file: "resnet152-f82ba261.pth", mebibytes: 230.474, top1: 82.284, top5: 96.002, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "resnet152-394f9c45.pth", mebibytes: 230.434, top1: 78.312, top5: 94.046, preprocessing: bilinear(256, 224) },
  },
  resnet18: {
    IMAGENET1K_V1: { file: "resnet18-f37072fd.pth", mebibytes: 44.661, top1: 69.758, top5: 89.078, preprocessing: bilinear(256, 224) },
  },
  resnet34: {
    IMAGENET1K_V1: { file: "resnet34-b627a593.pth", mebibytes: 83.275, top1: 73.314, top5: 91.42, preprocessing: bilinear(256, 224) },
  },
  resnet50: {
    IMAGENET1K_V2: { file: "resnet50-11ad3fa6.pth", mebibytes: 97.79, top1: 80.858, top5: 95.434, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "resnet50-0676ba61.pth", mebibytes: 97.781, top1: 76.13, top5: 92.862, preprocessing: bilinear(256, 224) },
  },
  resnext101_32x8d: {
    IMAGENET1K_V2: { file: "resnext101_32x8d-110c445d.pth", mebibytes: 339.673, top1: 82.834, top5: 96.228, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "resnext101_32x8d-8ba56ff5.pth", mebibytes: 339.586, top1: 79.312, top5: 94.526, preprocessing: bilinear(256, 224) },
  },
  resnext101_64x4d: {
    IMAGENET1K_V1: { file: "resnext101_64x4d-173b62eb.pth", mebibytes: 319.318, top1: 83.246, top5: 96.454, preprocessing: bilinear(232, 224) },
  },
  resnext50_32x4d: {
    IMAGENET1K_V2: { file: "resnext50_32x4d-1a0047aa.pth", mebibytes: 95.833, top1: 81.198, top5: 95.34, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "resnext50_32x4d-7cdf4587.pth", mebibytes: 95.789, top1: 77.618, top5: 93.698, preprocessing: bilinear(256, 224) },
  },
  squeezenet1_0: {
    IMAGENET1K_V1: { file: "squeezenet1_0-b66bff10.pth", mebibytes: 4.778, top1: 58.092, top5: 80.42, preprocessing: bilinear(256, 224) },
  },
  squeezenet1_1: {
    IMAGENET1K_V1: { file: "squeezenet1_1-b8a52dc0.pth", mebibytes: 4.729, top1: 58.178, top5: 80.624, preprocessing: bilinear(256, 224) },
  },
  wide_resnet101_2: {
    IMAGENET1K_V2: { file: "wide_resnet101_2-d733dc28.pth", mebibytes: 484.747, top1: 82.51, top5: 96.02, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "wide_resnet101_2-32ee1156.pth", mebibytes: 242.896, top1: 78.848, top5: 94.284, preprocessing: bilinear(256, 224) },
  },
  wide_resnet50_2: {
    IMAGENET1K_V2: { file: "wide_resnet50_2-9ba9bcbe.pth", mebibytes: 263.124, top1: 81.602, top5: 95.758, preprocessing: bilinear(232, 224) },
    IMAGENET1K_V1: { file: "wide_resnet50_2-95faca4d.pth", mebibytes: 131.82, top1: 78.468, top5: 94.086, preprocessing: bilinear(256, 224) },
  },
};
