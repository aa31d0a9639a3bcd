import EmethCompute
import EmethKit
import Foundation

extension Command {
  /// `emeth train DATASET`: plain training on this machine, without a network.
  static let train = Command(
    CommandDefinition(
      "train", section: .models, summary: "train a model on this machine alone",
      discussion: [
        "Plain training without nodes, checks or money; `emeth run` is the whole network. The last 7 % "
          + "of the text (10 % of a Japanese or Chinese one) are held back to measure the validation loss. "
          + "The model depends on the flags and the text alone, not on the machine."
      ],
      arguments: [NetworkOptions.dataset],
      flags: ModelOptions.flags(steps: ModelOptions.stepsInAll) + [TrainArguments.out, CommonFlags.json],
      examples: [
        CommandExample("emeth train shakespeare.txt --out model", "a tiny model of bytes"),
        CommandExample(
          "emeth train neko.txt --init model --steps 200 --out tuned", "fine-tune a model that exists"),
      ])
  ) { parsed, context in
    let options = try ModelOptions(parsed)
    let device = try Device.cpu(threads: options.threads)
    let tokenizer = try options.loadTokenizer()
    let configuration = try options.configuration(for: tokenizer)
    let text = try TrainingText(
      parsed[NetworkOptions.dataset], tokenizer: tokenizer, context: configuration.context)
    let folder = try AtomicFolder(at: parsed[TrainArguments.out])
    defer { folder.discard() }

    let session = try TrainingSession(
      options: options, configuration: configuration, text: text, device: device, context: context)
    let result = try session.run()
    let url = URL(filePath: folder.workingPath)
    try ModelFolder.write(
      to: url, configuration: configuration, parameters: UnsafeBufferPointer(session.state.parameters),
      tokenizer: tokenizer)
    try AtomicFile.write(session.curve.svg(), to: folder.workingPath + "/loss.svg")
    try folder.commit()

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
        ("state root", result.stateRoot),
      ])
    }
  }

  private enum TrainArguments {
    static let out = Flag(
      required: "out", short: "o", .folder.named("MODEL"), help: "model folder to write; must not exist")
  }
}
