// What the sanitizers' runtimes ask a program for when it starts, so that the lists beside this file hold however it
// is started. (ThreadSanitizer's detector of deadlocks has room for 64 locks held at once; LibTorch holds one for every
// call that it inlines, as many as a file nests.) LSAN_OPTIONS and the like, where set, come on top.

extern "C" {

const char* __lsan_default_options() { return "print_suppressions=0:suppressions=" LEGRAD_SUPPRESSIONS "/lsan.supp"; }

const char* __ubsan_default_options() {
  return "halt_on_error=1:print_stacktrace=1:suppressions=" LEGRAD_SUPPRESSIONS "/ubsan.supp";
}

const char* __tsan_default_options() {
  return "halt_on_error=1:detect_deadlocks=0:ignore_noninstrumented_modules=1:suppressions=" LEGRAD_SUPPRESSIONS
         "/tsan.supp";
}

}  // extern "C"
