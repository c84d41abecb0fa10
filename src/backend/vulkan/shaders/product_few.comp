#version 460
// See product_few.glsl.
#include "product_few.glsl"
