#include "base/json.h"

#include "base/csv.h"

void xl_json_put_cell(FILE *out, const json_t *value, int digits) {
    if (json_is_string(value)) xl_csv_put_text(out, json_string_value(value));
    else if (json_is_integer(value)) fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value)) xl_csv_put_number(out, json_real_value(value), digits);
}
