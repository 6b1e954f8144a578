#pragma once

#include <c10/util/Exception.h>
#include <legrad/error.h>

#include <string>

#include "graph/ir/ir.h"

namespace legrad::model {

/// Runs `call`. What LibTorch itself throws in there comes out as an `Exception` of this library, in one line that
/// begins with what was being done.
template <class Exception, class Call>
auto plainly(const std::string& doing, const Call& call) {
  try {
    return call();
  } catch (const c10::OutOfMemoryError& error) {
    throw Exception(doing + " took too much memory: " + graph::first_line(error), Reason::kTooLarge);
  } catch (const c10::Error& error) {
    throw Exception(doing + " failed: " + graph::first_line(error));
  }
}

}  // namespace legrad::model
