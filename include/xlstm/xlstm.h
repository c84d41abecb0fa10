/* libxlstm: everything. */
#ifndef XLSTM_XLSTM_H
#define XLSTM_XLSTM_H

#include <xlstm/batch.h>
#include <xlstm/chat.h>
#include <xlstm/convert.h>
#include <xlstm/model.h>
#include <xlstm/roofline.h>
#include <xlstm/session.h>
#include <xlstm/status.h>
#include <xlstm/tensor_file.h>
#include <xlstm/tokenizer.h>
#include <xlstm/tunable.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0". Static storage. */
XLSTM_API const char *xlstm_version(void);

#ifdef __cplusplus
}
#endif
#endif
