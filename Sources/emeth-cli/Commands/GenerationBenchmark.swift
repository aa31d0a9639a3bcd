import EmethCompute
import Foundation

/// Measures how fast a model of random weights generates, against the pace at which this machine reads
/// memory.
///
/// Tokens and readings of memory take turns, and the ratio is taken turn by turn, so that a machine whose
/// speed changes changes both.
struct GenerationBenchmark {
  /// What was measured: medians over the turns.
  struct Report: Encodable {
    var preset: String
    var dtype: String
    var batch: Int
    var threads: Int
    var instructionSet: String
    /// Tokens drawn of each text.
    var tokens: Int
    var millisecondsPerStep: Double
    /// Of all texts of the batch together.
    var tokensPerSecond: Double
    /// Weights read: once a step, whatever the batch.
    var bytesPerSecond: Double
    var memoryBytesPerSecond: Double
    /// bytesPerSecond over memoryBytesPerSecond; above 1 where weights stay in the caches.
    var ratio: Double
  }

  static let dtype = Flag(
    "dtype", .choice("DTYPE"), default: WeightFormat.f32, help: "how the matrices are stored: f32, f16, int8")
  static let tokens = Flag(
    "tokens", .integer(in: 8...100_000), default: 128, help: "generate: tokens to draw of each text")

  private static let promptLength = 16
  /// Tokens of a turn.
  private static let turnLength = 8
  /// Larger than the last cache of any CPU of today, in elements.
  private static let memoryCount = 1 << 27

  private let preset: ModelPreset
  private let format: WeightFormat
  private let batch: Int
  private let tokens: Int
  private let device: Device
  private let cancellation: Cancellation

  init(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    preset = parsed[ModelOptions.preset]
    format = parsed[Self.dtype]
    batch = parsed[ModelOptions.batch] ?? 1
    tokens = parsed[Self.tokens]
    device = try DeviceOptions.open(parsed, context)
    cancellation = context.cancellation
  }

  func run() throws -> Report {
    let configuration = preset.configuration
    let generator = try TextGenerator(
      configuration: configuration, parameters: try Self.randomWeights(configuration), format: format,
      device: device)
    let memory = try FloatArena(count: Self.memoryCount, device: device)
    memory.elements.update(repeating: 1)
    let start = (0..<UInt32(min(Self.promptLength, configuration.context))).map {
      $0 % UInt32(configuration.vocabularySize)
    }
    var turns = Turns(bytesPerToken: Double(generator.bytesPerToken))
    // The first two tokens follow the prompt and warm up.
    var step = -2
    var began = ContinuousClock.now
    _ = try generator.generate(
      prompts: Array(repeating: start, count: batch), maxTokens: tokens + 2,
      samplers: Array(repeating: try .greedy(), count: batch)
    ) { index, _ in
      guard index == batch - 1 else { return true }
      step += 1
      if step > 0, step % Self.turnLength == 0 {
        let seconds = (ContinuousClock.now - began) / .seconds(1) / Double(Self.turnLength)
        turns.add(secondsPerStep: seconds, memoryBytesPerSecond: device.readBandwidth(of: memory))
      }
      if step % Self.turnLength == 0 { began = .now }
      return !cancellation.isRequested
    }
    try cancellation.check()
    let stepSeconds = Turns.median(turns.secondsPerStep)
    return Report(
      preset: preset.rawValue, dtype: format.rawValue, batch: batch, threads: device.threads,
      instructionSet: device.instructionSet.rawValue, tokens: tokens,
      millisecondsPerStep: stepSeconds * 1_000,
      tokensPerSecond: Double(batch) / stepSeconds, bytesPerSecond: turns.bytesPerToken / stepSeconds,
      memoryBytesPerSecond: Turns.median(turns.memoryBytesPerSecond), ratio: Turns.median(turns.ratios))
  }

  private struct Turns {
    let bytesPerToken: Double
    var secondsPerStep: [Double] = []
    var memoryBytesPerSecond: [Double] = []
    var ratios: [Double] = []

    init(bytesPerToken: Double) { self.bytesPerToken = bytesPerToken }

    mutating func add(secondsPerStep seconds: Double, memoryBytesPerSecond bandwidth: Double) {
      secondsPerStep.append(seconds)
      memoryBytesPerSecond.append(bandwidth)
      ratios.append(bytesPerToken / seconds / bandwidth)
    }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
  }

  /// Numbers of the size of trained weights; norms and biases are such numbers too, which costs the same
  /// time.
  private static func randomWeights(_ configuration: ModelConfiguration) throws -> FloatArena {
    let arena = try FloatArena(count: configuration.parameterCount)
    var state: UInt64 = 1
    for index in arena.elements.indices {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      arena.elements[index] = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31 * 0.05
    }
    return arena
  }
}

extension GenerationBenchmark.Report {
  /// The figures for people.
  func text(for terminal: Terminal) -> String {
    var table = TextTable([.init("\(preset), \(dtype), batch \(batch)"), .init("", .right)])
    table.add(["tokens per second", NumberText.fixed(tokensPerSecond, decimals: 1)])
    table.add(["milliseconds per step", NumberText.fixed(millisecondsPerStep, decimals: 2)])
    table.add(["weights read, GB/s", NumberText.fixed(bytesPerSecond / 1e9, decimals: 1)])
    table.add(["memory, GB/s", NumberText.fixed(memoryBytesPerSecond / 1e9, decimals: 1)])
    table.add(["ratio", NumberText.fixed(100 * ratio, decimals: 1) + " %"])
    return table.text(for: terminal)
      + "\(tokens) tokens, \(threads) thread\(threads == 1 ? "" : "s"), \(instructionSet)\n"
  }
}

extension ModelPreset {
  /// The shape that the preset's name stands for, GPT-2's vocabulary included.
  var configuration: ModelConfiguration {
    switch self {
    case .tiny: .tiny
    case .small: .small
    case .gpt2: .gpt2
    }
  }
}
