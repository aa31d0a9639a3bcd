import EmethCompute
import EmethKit
import Foundation

extension Command {
  /// `emeth train DATASET`: plain training on this machine, without a network.
  static let train = Command(
    CommandDefinition(
      "train", section: .models, summary: "train a model on this machine alone",
      discussion: [
        "Plain training without nodes, checks or money; `emeth run` is the whole network. The end of the "
          + "text is held back to measure the validation loss, in windows as `emeth evaluate` reads them. "
          + "The model depends on the flags and the text alone, not on the machine.",
        "With --profile fast matrix products round their operands to bfloat16 where the CPU has instructions "
          + "for that. Other machines then get other bits: nobody can check the model by doing the work again.",
        "With --device cuda:0,1 several GPUs share out the sequences of each step and add up their gradients by "
          + "NVIDIA's NCCL, in the fast profile alone.",
        "Until the model is written, MODEL.checkpoint holds the last checkpoint. After Ctrl-C, a crash or a "
          + "power failure the same command with --resume goes on from there, to the same bits; flags that "
          + "are left out then follow the checkpoint.",
      ],
      arguments: [NetworkOptions.dataset], flags: TrainingOptions.flags + [CommonFlags.json],
      examples: [
        CommandExample("emeth train shakespeare.txt --out model", "a tiny model of bytes"),
        CommandExample("emeth train shakespeare.txt --out model --resume", "go on where it stopped"),
        CommandExample(
          "emeth train shakespeare.txt --out model --profile fast --device cuda:0,1", "on two GPUs together"),
        CommandExample(
          "emeth train neko.txt --init model --steps 200 --out tuned", "fine-tune a model that exists"),
      ])
  ) { parsed, context in
    let options = try TrainingOptions(parsed)
    // A training goes on as it began, on devices that are opened once.
    let isTold = !options.isResuming || parsed.isGiven(TrainingOptions.profile)
    let begun = isTold ? nil : CheckpointFolder.profile(in: options.checkpointFolder)
    let team = try DeviceOptions.openTeam(
      parsed, context, threads: options.model.threads, profile: begun ?? options.profile)
    // What stands in the way of the model is found out before the work, and leaves nothing behind.
    try AtomicFolder(at: options.out).discard()

    let session = try TrainingSession(parsed, options: options, team: team, context: context)
    let result = try session.run()
    let folder = try AtomicFolder(at: options.out)
    defer { folder.discard() }
    try ModelFolder.write(
      to: URL(filePath: folder.workingPath), configuration: session.state.configuration,
      parameters: UnsafeBufferPointer(session.state.parameters), tokenizer: session.tokenizer)
    try AtomicFile.write(session.curve.svg(), to: folder.workingPath + "/loss.svg")
    try AtomicFile.write(session.curve.png(), to: folder.workingPath + "/loss.png")
    try folder.commit()
    try session.folder.remove()

    if context.talk.isLive {
      context.talk.note(session.curve.picture(on: context.talk.terminal))
    }
    let summary = TrainingSummary(model: folder.path, result: result)
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(summary) : summary.text)
    return .done
  }

  private struct TrainingSummary: Encodable {
    var model: String
    var result: TrainingSession.Result

    private enum CodingKeys: String, CodingKey {
      case model
    }

    func encode(to encoder: any Encoder) throws {
      try result.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(model, forKey: .model)
    }

    var text: String {
      func loss(_ value: Double?) -> String {
        value.map { "\(NumberText.fixed($0, decimals: 4)) nats per token" } ?? "nothing held back"
      }
      return LabelledLines.text([
        ("model", model), ("parameters", NumberText.grouped(result.parameters)),
        ("steps", NumberText.grouped(result.steps)), ("training loss", loss(result.trainLoss)),
        ("validation loss", loss(result.validationLoss)),
        ("validation loss before", loss(result.initialLoss)),
        ("speed", "\(NumberText.grouped(Int(result.tokensPerSecond))) tokens/s"),
        ("memory", NumberText.bytes(result.plannedBytes)),
        ("state root", result.stateRoot),
      ])
    }
  }
}
