// Holds nothing: support/precompiled.h is compiled with it, once for all tests.
