import Foundation
import Testing

/// `emeth train` stopped, killed and resumed; the same bits on every set of instructions and number of
/// threads.
@Suite struct TrainingResumptionTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    let lines = (0..<400).map { "line \($0 * 7919 % 400) says that \($0 * 31 % 97) is a number.\n" }
    try scratch.write(lines.joined(), to: "text")
  }

  private struct Training: Decodable, Equatable {
    var model: String
    var parameters: Int
    var steps: Int
    var initialLoss: Double
    var trainLoss: Double
    var validationLoss: Double
    var stateRoot: String
  }

  private static let flags = [
    "--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "4", "--learning-rate",
    "0.003",
    "--warmup", "5", "--dropout", "0.1", "--validation-share", "0.2", "--seed", "7", "--profile",
    "reproducible",
  ]

  private func train(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ProgramResult {
    try Program.run(
      executable: Program.url, ["train", "text", "--json"] + arguments, environment: environment,
      in: scratch.url)
  }

  private func trained(_ out: String, _ arguments: [String], environment: [String: String] = [:]) throws
    -> Training
  {
    let result = try train(["--out", out] + arguments, environment: environment)
    #expect(result.exitCode == 0, "\(result.errors)")
    var training = try result.json(Training.self)
    training.model = ""
    return training
  }

  @Test func theStateHasTheSameBitsOnEverySetAndNumberOfThreads() throws {
    struct Devices: Decodable {
      struct Device: Decodable {
        var instructionSets: [String]
      }
      var devices: [Device]
    }
    let sets = try Program.run("devices", "--json").json(Devices.self).devices[0].instructionSets
    var found: Set<String> = []
    for set in sets {
      for threads in 1...3 {
        let out = "\(set)-\(threads)"
        let flags = Self.flags + ["--steps", "20", "--threads", "\(threads)"]
        found.insert(try trained(out, flags, environment: ["EMETH_CPU": set]).stateRoot)
      }
    }
    #expect(found.count == 1)
  }

  @Test(arguments: ["INT", "KILL"]) func whatWasStoppedGoesOnToTheSameBits(signal: String) throws {
    let steps = ["--steps", "3000", "--checkpoint-interval", "50"]
    let whole = try trained("whole", Self.flags + steps)
    let flags = (Self.flags + steps).joined(separator: " ")
    // Stopped again and again until it is through; each time a little later.
    let line = """
      "$EMETH" train text --out model \(flags) >/dev/null 2>first & child=$!
      until [ -s model.checkpoint/checkpoint.safetensors ]; do sleep 0.01; done
      sleep 0.1; kill -\(signal) $child; wait $child; echo $?
      for pause in 0.15 0.2; do
        "$EMETH" train text --out model --resume >/dev/null 2>&1 & child=$!
        sleep $pause; kill -\(signal) $child; wait $child
      done
      ls
      """
    let result = try Program.shell(line, in: scratch.url)
    #expect(result.output.hasPrefix(signal == "INT" ? "130\n" : "137\n"), "\(result.output) \(result.errors)")
    #expect(result.output.contains("model.checkpoint\n"))
    // The same command with --resume; flags that were left out follow the checkpoint.
    let resumed = try trained("model", (signal == "INT" ? Self.flags + steps : []) + ["--resume"])
    #expect(resumed == whole)
    #expect(try scratch.names().filter { $0.contains("checkpoint") }.isEmpty)
    for name in ["model.safetensors", "loss.svg", "loss.png"] {
      #expect(
        try Data(contentsOf: scratch.url.appending(path: "model/\(name)"))
          == Data(contentsOf: scratch.url.appending(path: "whole/\(name)")), "\(name)")
    }
  }

  @Test func whatDoesNotFitTheCheckpointIsRefused() throws {
    let flags = Self.flags.joined(separator: " ")
    let line = """
      "$EMETH" train text --out model --steps 1000000 \(flags) 2>/dev/null & child=$!
      until [ -s model.checkpoint/checkpoint.safetensors ]; do sleep 0.01; done
      kill -KILL $child; wait $child; cp text other; echo more >> other
      """
    _ = try Program.shell(line, in: scratch.url)
    let cases: [([String], Int32, String)] = [
      ([], 4, "holds the checkpoint"), (["--resume", "--batch", "5"], 3, "--batch is 5"),
      (["--resume", "--steps", "3"], 3, "--steps is 3"), (["--resume", "--seed", "8"], 3, "--seed"),
      (["--resume", "--learning-rate", "0.1"], 3, "--learning-rate"),
      (["--resume", "--preset", "small"], 3, "--layers"),
      (["--resume", "--validation-share", "0.1"], 3, "bytes of the data set"),
      (["--resume", "--schedule", "linear"], 3, "--schedule"),
      (["--resume", "--dropout", "0.2"], 3, "--dropout is 0.2"), (["--dropout", "1"], 2, "not including, 1"),
    ]
    for (flags, exitCode, text) in cases {
      let result = try train(["--out", "model"] + flags)
      #expect(result.exitCode == exitCode && result.output == "", "\(flags): \(result.errors)")
      #expect(result.errors.contains(text), "\(flags): \(result.errors)")
    }
    let other = try Program.run(
      executable: Program.url, ["train", "other", "--out", "model", "--resume"], in: scratch.url)
    #expect(other.exitCode == 3 && other.errors.contains("hash of the data set"))
    #expect(try scratch.names() == ["model.checkpoint", "other", "text"])
    // One flipped bit anywhere in the weights.
    let file = scratch.url.appending(path: "model.checkpoint/checkpoint.safetensors")
    var bytes = try Data(contentsOf: file)
    bytes[bytes.count - 5000] ^= 1
    try bytes.write(to: file)
    let broken = try train(["--out", "model", "--resume"])
    #expect(broken.exitCode == 3 && broken.errors.contains("checksum"), "\(broken.errors)")
  }

  @Test func aTrainingThatDivergesKeepsItsLastGoodCheckpoint() throws {
    // Weights that overflow in the first products.
    _ = try trained("start", Self.flags + ["--steps", "1"])
    let file = scratch.url.appending(path: "start/model.safetensors")
    var bytes = try Data(contentsOf: file)
    for index in (bytes.count - 16_384)..<bytes.count where index % 4 == 3 { bytes[index] = 0x7E }
    try bytes.write(to: file)
    let result = try train(["--init", "start", "--out", "model", "--steps", "5", "--validation-share", "0"])
    #expect(result.exitCode == 3 && result.output == "")
    #expect(result.errors.contains("is not finite at step 0"), "\(result.errors)")
    #expect(
      result.errors.contains("the checkpoint of step 0 is kept in model.checkpoint"), "\(result.errors)")
    #expect(try scratch.names() == ["model.checkpoint", "start", "text"])
  }
}
