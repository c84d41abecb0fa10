#version 460
// product_int.comp behind dispatches without a barrier.
#define ORDERED
#include "product_int.glsl"
