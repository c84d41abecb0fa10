/* Jansson's loops for cppcheck, which does not read the headers of the system (tools/analyze.sh). */
#define json_object_foreach(object, key, value)                                                                    \
    for (key = json_first(object); key && (value = json_object_get(object, key)); key = json_next(object, key))
#define json_array_foreach(array, index, value)                                                                    \
    for (index = 0; index < json_array_size(array) && (value = json_array_get(array, index)); index++)
