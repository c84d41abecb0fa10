#version 460
// product_few.comp behind dispatches without a barrier.
#define ORDERED
#include "product_few.glsl"
