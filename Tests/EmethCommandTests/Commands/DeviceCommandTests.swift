import Foundation
import Testing

private let emulation = ProcessInfo.processInfo.environment["EMETH_EMULATED_CUDA"]
/// Whether there is another driver, which would be found behind one that is refused.
private let hasDriver = dlopen("libcuda.so.1", RTLD_LAZY) != nil

/// `--device` and `emeth devices` of the real binary, on a driver and a compiler that emulate a GPU and fail when
/// they are told to.
@Suite(.enabled(if: emulation != nil, "EMETH_EMULATED_CUDA names no emulated driver"))
struct DeviceCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(String(repeating: "the cat sat on the mat.\n", count: 40), to: "text")
  }

  private func emeth(_ arguments: [String], _ settings: [String: String] = [:]) throws -> ProgramResult {
    var environment = [
      "EMETH_CUDA_PATH": emulation ?? "", "XDG_CACHE_HOME": scratch.url.path + "/cache",
    ]
    environment.merge(settings) { $1 }
    return try Program.run(executable: Program.url, arguments, environment: environment, in: scratch.url)
  }

  private struct Training: Decodable {
    var stateRoot: String
    var trainLoss: Double
    var plannedBytes: Int
  }

  private static let train = [
    "train", "text", "--layers", "1", "--heads", "2", "--width", "16", "--context", "16",
    "--steps", "6", "--json",
  ]

  @Test func trainingHasTheSameBits() throws {
    let roots = try ["cpu", "cuda", "cuda:0", "auto"].map { device in
      let result = try emeth(
        Self.train + ["--out", device.replacingOccurrences(of: ":", with: ""), "--device", device])
      #expect(result.exitCode == 0, "\(device): \(result.errors)")
      return try result.json(Training.self).stateRoot
    }
    #expect(Set(roots).count == 1)
    // The same weights, read by the other processor.
    let evaluations = try ["cpu", "cuda"].map { device in
      try emeth([
        "evaluate", "text", "--model", device, "--device", device == "cpu" ? "cuda" : "cpu", "--json",
      ]).output
    }
    #expect(evaluations[0] == evaluations[1] && evaluations[0].contains("loss"))
    let texts = try ["cpu", "cuda"].map { device in
      try emeth(["generate", "cpu", "--prompt", "the", "--max-tokens", "30", "--device", device]).output
    }
    #expect(texts[0] == texts[1] && !texts[0].isEmpty)
  }

  @Test("nodes and verifiers on a GPU leave the model that they leave on a CPU")
  func wholeNetwork() throws {
    let shape = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "2"]
    let models = try ["cpu", "cuda"].map { device in
      let result = try emeth(
        ["run", "text", "--nodes", "2", "--steps", "2", "--rounds", "1", "--out", device, "--device", device]
          + shape)
      #expect(result.exitCode == 0, "\(device): \(result.errors)")
      return try Data(contentsOf: scratch.url.appending(path: device + "/model.safetensors"))
    }
    #expect(models[0] == models[1])
  }

  @Test("a GPU that is lost in the middle ends the training, which the CPU takes up again with the same bits")
  func lost() throws {
    let whole = try emeth(Self.train + ["--out", "whole"]).json(Training.self)
    let flags = ["--checkpoint-interval", "1"]
    let lost = try emeth(
      Self.train + flags + ["--out", "model", "--device", "cuda"], ["EMULATED_CUDA_LOST": "150"])
    #expect(lost.exitCode == 4 && lost.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(lost.errors.utf8))
    #expect(error.code == "compute.deviceFailed", "\(lost.errors)")
    #expect(
      error.message.contains("cuda:0 failed: ") && error.message.contains("CUDA_ERROR_LAUNCH_FAILED (719)"))
    let resumed = try emeth(["train", "text", "--out", "model", "--resume", "--json"])
    #expect(resumed.exitCode == 0, "\(resumed.errors)")
    #expect(try resumed.json(Training.self).stateRoot == whole.stateRoot)
  }

  @Test(
    "a GPU that is lost while nodes compute is opened anew, and the job ends with the model of a CPU",
    arguments: ["60", "240"])
  func lostInAJob(kernels: String) throws {
    let run = [
      "run", "text", "--nodes", "2", "--steps", "2", "--rounds", "1", "--layers", "1", "--heads", "2",
      "--width", "16",
      "--context", "16", "--batch", "2", "--out",
    ]
    func model(_ folder: String) throws -> Data {
      try Data(contentsOf: scratch.url.appending(path: folder + "/model.safetensors"))
    }
    #expect(try emeth(run + ["cpu"]).exitCode == 0)
    let returned = try emeth(
      run + ["returned", "--device", "cuda"],
      ["EMULATED_CUDA_LOST": kernels, "EMULATED_CUDA_RETURNS": "1"])
    #expect(returned.exitCode == 0, "\(returned.errors)")
    #expect(try model("returned") == model("cpu"))
    #expect(try emeth(["verify", "returned"]).exitCode == 0)
    // One that stays away ends the run, which the CPU takes up again.
    let gone = try emeth(run + ["gone", "--device", "cuda"], ["EMULATED_CUDA_LOST": kernels])
    #expect(gone.exitCode == 4 && gone.errors.contains("CUDA_ERROR_LAUNCH_FAILED"), "\(gone.errors)")
    #expect(try emeth(run + ["gone"]).exitCode == 0)
    #expect(try model("gone") == model("cpu"))
  }

  private static let together = train + ["--profile", "fast", "--device", "cuda:0,1", "--batch", "3"]

  @Test("two GPUs train together, near what one does, and others go on where they stopped")
  func together() throws {
    let one = try emeth(
      Self.train + ["--out", "one", "--profile", "fast", "--device", "cuda", "--batch", "3"]
    ).json(Training.self)
    let result = try emeth(Self.together + ["--out", "two"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let two = try result.json(Training.self)
    #expect(abs(two.trainLoss - one.trainLoss) < 1e-3 * one.trainLoss && two.stateRoot != one.stateRoot)

    // The second is lost in the middle.
    let lost = try emeth(
      Self.together + ["--out", "model", "--checkpoint-interval", "1"],
      ["EMULATED_CUDA_LOST": "150", "EMULATED_CUDA_LOST_DEVICE": "1"])
    #expect(lost.exitCode == 4 && lost.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(lost.errors.utf8))
    #expect(
      error.code == "compute.deviceFailed" && error.message.hasPrefix("cuda:1 failed: "), "\(lost.errors)")
    #expect(error.readable.contains("the checkpoint of step "), "\(lost.errors)")
    // On both, without saying the profile again: the bits of a training that was never stopped.
    let resumed = try emeth(["train", "text", "--out", "model", "--resume", "--json", "--device", "cuda:0,1"])
    #expect(resumed.exitCode == 0, "\(resumed.errors)")
    #expect(try resumed.json(Training.self).stateRoot == two.stateRoot)
  }

  @Test(
    "what NCCL fails in is named, and the training can go on from its checkpoint",
    arguments: [
      ("create", "ncclCommInitAll: unhandled cuda error (1), an emulated reason"),
      ("sum", "ncclAllReduce: internal error (3), an emulated reason"),
      ("background", "ncclAllReduce: internal error (3)"),
      ("one", "cuda:1 failed: its sum of the gradients at step 0 is not that of the other devices"),
    ])
  func failingCollectives(call: String, message: String) throws {
    let result = try emeth(Self.together + ["--out", "model"], ["EMULATED_NCCL_FAILS": call])
    #expect(result.exitCode == 4 && result.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.code == "compute.deviceFailed" && error.message.contains(message), "\(result.errors)")
    // Whoever can't add up at all is found out before the work.
    guard call == "one" else { return }
    let resumed = try emeth(["train", "text", "--out", "model", "--resume", "--json", "--device", "cuda"])
    #expect(resumed.exitCode == 0, "\(resumed.errors)")
  }

  @Test(
    "what several GPUs can't do is refused, and leaves nothing behind",
    arguments: [
      (["--profile", "fast", "--device", "cuda:0,1", "--batch", "1"], [:], "at least 2 sequences", 3),
      (["--device", "cuda:0,1"], [:], "allowed is fast", 3),
      (["--profile", "fast", "--device", "cuda:0,5"], [:], "the driver has 2 devices", 4),
      (["--profile", "fast", "--device", "cuda:0,0"], [:], "cuda:N,M", 2),
      (
        ["--profile", "fast", "--device", "cuda:0,1"], ["EMULATED_NCCL_VERSION": "2804"],
        "its version is 2.8, allowed is 2.10", 4
      ),
    ] as [([String], [String: String], String, Int32)])
  func refusedTogether(flags: [String], settings: [String: String], message: String, code: Int32) throws {
    let settings = settings.merging(["HOME": "/nowhere", "VIRTUAL_ENV": "", "CONDA_PREFIX": ""]) { $1 }
    let result = try emeth(Self.train + ["--out", "model"] + flags, settings)
    #expect(result.exitCode == code && result.errors.contains(message), "\(result.errors)")
    #expect(result.output.isEmpty)
    #expect(try scratch.names().allSatisfy { !$0.hasPrefix("model") })
  }

  @Test("what another process takes after the plan was made is told, and nothing is left behind")
  func others() throws {
    let result = try emeth(
      Self.train + ["--out", "model", "--device", "cuda"],
      ["EMULATED_CUDA_MEMORY": "4000000", "EMULATED_CUDA_OTHERS": "3950000"])
    #expect(result.exitCode == 4 && result.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.code == "compute.insufficientMemory", "\(result.errors)")
    #expect(error.readable.contains("until others have left the GPU"), "\(result.errors)")
    #expect(try scratch.names().allSatisfy { !$0.hasPrefix("model") })
  }

  @Test("a cache that can't be written costs time alone, and graphs and cuBLASLt may be missing")
  func lacking() throws {
    try scratch.write("no folder", to: "file")
    let whole = try emeth(Self.train + ["--out", "whole"]).json(Training.self)
    for (index, settings) in [
      ["XDG_CACHE_HOME": scratch.url.path + "/file"], ["EMULATED_CUDA_NO_GRAPHS": "1"],
    ].enumerated() {
      let result = try emeth(Self.train + ["--out", "model\(index)", "--device", "cuda"], settings)
      #expect(result.exitCode == 0, "\(result.errors)")
      #expect(try result.json(Training.self).stateRoot == whole.stateRoot)
    }
    // Whatever the library lacks, products are calculated: losses are near those of the CPU.
    for (index, refused) in ["", "gelu", "all"].enumerated() {
      let result = try emeth(
        Self.train + ["--out", "fast\(index)", "--device", "cuda", "--profile", "fast"],
        ["EMULATED_CUBLAS_REFUSES": refused])
      let training = try result.json(Training.self)
      #expect(abs(training.trainLoss - whole.trainLoss) < 0.01, "\(refused): \(result.errors)")
      #expect(training.stateRoot != whole.stateRoot)
    }
    let failed = try emeth(
      Self.train + ["--out", "failed", "--device", "cuda", "--profile", "fast"],
      ["EMULATED_CUBLAS_REFUSES": "run"])
    #expect(
      failed.exitCode == 4 && failed.errors.contains("CUBLAS_STATUS_EXECUTION_FAILED"), "\(failed.errors)")
  }

  @Test("a batch that does not fit is refused before anything is allocated, with the batch that does")
  func memory() throws {
    let result = try emeth(
      Self.train + ["--out", "model", "--device", "cuda", "--batch", "4000"],
      ["EMULATED_CUDA_MEMORY": "2000000"])
    #expect(result.exitCode == 4)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.code == "compute.insufficientMemory", "\(result.errors)")
    #expect(error.readable.contains("a batch of "), "\(result.errors)")
    #expect(try scratch.names().allSatisfy { !$0.hasPrefix("model") })
  }

  @Test(
    "drivers and compilers that can't be used",
    .enabled(if: !hasDriver, "there is a driver of NVIDIA's"),
    arguments: [
      (["EMULATED_CUDA_VERSION": "11080"], "it offers CUDA 11.8, needed is 12.0", "driver 525"),
      (["EMULATED_CUDA_INIT": "100"], "cuInit: CUDA_ERROR_NO_DEVICE (100)", "driver 525"),
      (["EMULATED_CUDA_DEVICES": "0"], "cuda:0 can't be used: the driver has 0 devices", "emeth devices"),
      (["EMULATED_NVRTC_VERSION": "11080"], "its version is 11.8, allowed is 12 or 13", "nvidia-cuda-nvrtc"),
      (
        ["EMULATED_CUDA_VERSION": "12040"], "the driver takes machine code of CUDA 12 at most",
        "nvidia-cuda-nvrtc"
      ),
      (["EMULATED_NVRTC_REFUSES": "matmul.cu"], "matmul.cu(1): error: an emulated one", "NVRTC"),
    ])
  func unusable(settings: [String: String], message: String, hint: String) throws {
    // Nothing else is found: no Python, no home.
    let settings = settings.merging(["HOME": "/nowhere", "VIRTUAL_ENV": "", "CONDA_PREFIX": ""]) { $1 }
    let result = try emeth(Self.train + ["--out", "model", "--device", "cuda"], settings)
    #expect(result.exitCode == 4 && result.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.message.contains(message), "\(result.errors)")
    #expect(error.readable.contains(hint), "\(result.errors)")
    // Where a GPU can't be used auto takes the CPU.
    let auto = try emeth(Self.train + ["--out", "model", "--device", "auto"], settings)
    #expect(auto.exitCode == 0, "\(auto.errors)")
  }

  @Test func unknownNames() throws {
    let result = try emeth(["evaluate", "text", "--model", "model", "--device", "gpu"])
    #expect(result.exitCode == 2)
    #expect(result.errors.contains("cpu, cuda, cuda:N or auto"), "\(result.errors)")
    // Only a training takes several.
    let several = try emeth(["evaluate", "text", "--model", "model", "--device", "cuda:0,1"])
    #expect(
      several.exitCode == 2 && several.errors.contains("cpu, cuda, cuda:N or auto"), "\(several.errors)")
  }

  @Test func devicesListsWhatIsHere() throws {
    struct Devices: Decodable {
      struct Device: Decodable {
        var name: String
        var model: String?
        var architecture: String?
        var memoryBytes: UInt64?
      }

      struct Library: Decodable {
        struct Place: Decodable {
          var path: String
          var origin: String
        }

        var version: String?
        var place: Place?
        var remedy: String?
      }

      struct Libraries: Decodable {
        var driver: Library
        var compiler: Library
        var collectives: Library
        var problem: String?
      }

      var devices: [Device]
      var cuda: Libraries
    }
    let found = try emeth(["devices", "--json"], ["EMULATED_CUDA_DEVICES": "2"]).json(Devices.self)
    #expect(found.devices.map(\.name) == ["cpu", "cuda:0", "cuda:1"])
    #expect(found.devices[2].model == "Emulated GPU 1" && found.devices[2].architecture == "sm_90a")
    #expect(found.cuda.driver.version == "13.0" && found.cuda.driver.place?.origin == "environment")
    #expect(found.cuda.compiler.place?.path.hasSuffix("/libnvrtc.so.13") ?? false)
    #expect(found.cuda.driver.remedy == nil && found.cuda.problem == nil)
    #expect(found.cuda.collectives.version == "2.27")
    #expect(found.cuda.collectives.place?.path.hasSuffix("/libnccl.so.2") ?? false)

    let text = try emeth(["devices"])
    #expect(text.output.contains("\ncuda:0  sm_90a"), "\(text.output)")
    let none = try emeth(["devices"], ["EMULATED_CUDA_INIT": "100"])
    #expect(
      none.exitCode == 0 && none.errors.contains("for NVIDIA's GPUs install NVIDIA's driver 525 or later"))
    #expect(none.errors.contains("CUDA_ERROR_NO_DEVICE"))
    // Of one GPU nothing is to be added up.
    for (count, isTold) in [("1", false), ("2", true)] {
      let old = try emeth(
        ["devices"],
        [
          "EMULATED_NCCL_VERSION": "2804", "EMULATED_CUDA_DEVICES": count, "HOME": "/nowhere",
          "VIRTUAL_ENV": "", "CONDA_PREFIX": "",
        ])
      #expect(old.exitCode == 0 && old.output.contains("NCCL "))
      #expect(
        old.errors.contains("to train on several GPUs together install NCCL") == isTold, "\(old.errors)")
      #expect(old.errors.contains("its version is 2.8, allowed is 2.10") == isTold, "\(old.errors)")
    }
  }

  @Test func devicesCompilesWithoutADevice() throws {
    struct Compilation: Decodable {
      struct Kernel: Decodable {
        var name: String
        var registers: Int?
        var spillStoreBytes: Int?
      }

      var architecture: String
      var compilerVersion: String
      var programs: Int
      var compiledNow: Int
      var kernels: [Kernel]
      var warnings: [String]
    }
    let first = try emeth(["devices", "--compile", "sm_120", "--json"]).json(Compilation.self)
    #expect(first.architecture == "sm_120" && first.compilerVersion == "13.0" && first.warnings.isEmpty)
    #expect(first.compiledNow == first.programs && first.programs > 10)
    #expect(first.kernels.allSatisfy { $0.registers == 32 && $0.spillStoreBytes == 0 })
    let again = try emeth(["devices", "--compile", "sm_120", "--json"]).json(Compilation.self)
    #expect(again.compiledNow == 0 && again.kernels.count == first.kernels.count)
    let table = try emeth(["devices", "--compile", "sm_120"])
    #expect(
      table.output.hasPrefix("kernel ")
        && table.errors.contains("0 of \(first.programs) programs compiled now"))

    for (flags, code, text) in [
      (["--compile", "sm_75"], 3, "architecture is sm_75, allowed is sm_80 or later"),
      (["--compile", "sm_90", "--threads", "2"], 2, "--threads means nothing with --compile"),
      (["--compile", "sm_90", "--nvrtc", "/nowhere/lib.so"], 4, "/nowhere/lib.so"),
    ] as [([String], Int32, String)] {
      let result = try emeth(["devices"] + flags)
      #expect(result.exitCode == code && result.errors.contains(text), "\(flags): \(result.errors)")
      #expect(result.output.isEmpty)
    }
  }
}
