#version 460
// See product_int.glsl.
#include "product_int.glsl"
