#include "support/legrad_program.h"

namespace legrad {
namespace {

class RefusedOptions : public testing::LegradProgram {};

TEST_F(RefusedOptions, ThatAreNotThere) {
  refuses({}, "subcommand");
  refuses({"frobnicate"}, "subcommand");
  refuses({"explain"}, "--model");
  refuses({"explain", "--bogus"}, "required");
  refuses({"explain", "--model", kModel, "--out", path("out")}, "--image or --input-npy");
  refuses({"explain", "--model", kModel, "--image", path("scene.png")}, "--out is required");
  refuses(explain({"--bogus"}), "--bogus");
  refuses(explain({"--class", "0", "--top", "2"}), "--class excludes --top");
  refuses(explain({"--similarity", "dot"}), "--text-embedding");
  refuses(explain({"--input-npy", path("scene.png")}), "--image");
}

TEST_F(RefusedOptions, OfWrongValues) {
  refuses(explain({"--colormap", "rainbow"}), "rainbow");
  for (const char* alpha : {"-0.1", "1.5", "nan", "much"}) refuses(explain({"--alpha", alpha}), "--alpha");
  for (const char* top : {"0", "-1", "1.5", "many", "99999999999999999999"}) refuses(explain({"--top", top}), "--top");
  for (const char* threads : {"0", "-1", "1000000", "all"}) refuses(explain({"--threads", threads}), "--threads");
  for (const char* size : {"224", "x", "0x0", "224x", "-1x5", "224x224x3", "99999x99999", "224X224"}) {
    refuses(explain({"--size", size}), "--size");
  }
  for (const char* mean : {"0.5", "0.5,0.5", "a,b,c", "1,2,3,4", "nan,0,0"})
    refuses(explain({"--mean", mean}), "--mean");
  refuses(explain({"--std", "1,0,1"}), "--std");
  for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:999", "", "CPU"}) {
    refuses(explain({"--device", device}), "--device");
  }
  for (const char* dtype : {"int8", "double", "Float32"}) refuses(explain({"--dtype", dtype}), "--dtype");
}

TEST_F(RefusedOptions, OfMethods) {
  const auto refuses_method = [&](const std::string& spec, const std::string& part) {
    refuses(explain({"--method", spec}), part);
  };
  refuses_method("grad-cam", "unknown method 'grad-cam'; the known ones, the nearest first: grad_cam, ");
  refuses_method("legrad,rollout", "unknown method");
  refuses_method("legrad/", "KEY=VALUE");
  refuses_method("legrad/readout=cls", "model, token_mean or published");
  refuses_method("chefer_cam/readout=model", "readout");
  refuses_method("legrad/relu=no/negative_slope=0.1", "negative_slope");
  refuses_method("legrad/negative_slope=2", "negative_slope");
  refuses_method("rollout/discard_ratio=1", "discard_ratio");
  refuses_method("attention_cam/layer=1:3", "layer");
  // What only the model says.
  refuses_method("rollout/start_layer=99", "blocks 0 to");
  refuses_method("legrad/layers=5:99", "layers");
  refuses_method("chefer_cam/normalize=yes", "pooler");
}

TEST_F(RefusedOptions, OfFoldersItCannotWriteTo) {
  const auto refuses_folder = [&](const std::string& folder) {
    refuses({"explain", "--model", kModel, "--image", path("scene.png"), "--class", "0", "--out", folder}, "--out");
  };
  refuses_folder(path("scene.png"));
  refuses_folder(path("scene.png/sub"));
  refuses_folder("");
  refuses_folder("/proc/no-folder-can-be-made-here");
  std::filesystem::create_symlink(path("nowhere"), path("dangling"));
  refuses_folder(path("dangling"));
}

}  // namespace
}  // namespace legrad
