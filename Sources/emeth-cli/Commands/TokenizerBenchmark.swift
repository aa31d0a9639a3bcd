import EmethCompute
import EmethKit
import Foundation

/// Measures a tokenizer: learning a vocabulary from a text, and the text's tokens by it.
struct TokenizerBenchmark {
  /// What was measured: medians, in 10^6 bytes of text a second. One core's are by its processor time.
  struct Report: Encodable {
    var text: String
    var byteCount: Int
    var tokenCount: Int
    var vocabularySize: Int
    var turns: Int
    var cores: Int
    var encodeMegabytesPerSecond: Double
    var encodeMegabytesPerSecondOnAllCores: Double
    var trainMegabytesPerSecond: Double
    /// Processor time of learning the vocabulary.
    var trainSeconds: Double

    /// The figures for people.
    func text(for terminal: Terminal) -> String {
      var table = TextTable([
        .init("10^6 bytes per second"), .init("one core", .right), .init("all \(cores)", .right),
      ])
      func figure(_ number: Double) -> String { NumberText.fixed(number, decimals: 1) }
      table.add(["encode", figure(encodeMegabytesPerSecond), figure(encodeMegabytesPerSecondOnAllCores)])
      table.add(["learn \(NumberText.grouped(vocabularySize)) tokens", figure(trainMegabytesPerSecond), ""])
      return table.text(for: terminal)
        + "\(text): \(NumberText.grouped(byteCount)) bytes, \(NumberText.grouped(tokenCount)) tokens, "
        + "medians of \(NumberText.grouped(turns)) turns\n"
    }
  }

  static let text = Flag(
    "text", .file, absent: "2 MB made up", help: "tokenize: the text to learn from and to encode")
  private static let vocabularySize = 50_000
  private static let repeats = 8
  private static let madeUpByteCount = 2_000_000

  private let name: String
  private let bytes: [UInt8]
  private let cancellation: Cancellation

  /// A benchmark on a file's text, or on made-up text in two scripts.
  init(file: String?, cancellation: Cancellation) throws {
    name = file.map { InputFile($0).name } ?? "made-up text"
    bytes = try file.map { try InputFile($0).bytes() } ?? Self.madeUpText()
    self.cancellation = cancellation
  }

  /// Measures for about so long, each of the three at least three times.
  ///
  /// - Throws: `ComputeError` for text that is not UTF-8, `Interruption`.
  func run(for duration: Duration) throws -> Report {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let (one, all) = (try Device.cpu(threads: 1), try Device.cpu(threads: cores))
    var (learning, encoding, together): ([Double], [Double], [Double]) = ([], [], [])
    let end = ContinuousClock.now + duration
    var tokenizer = try learn(on: one)
    var tokenCount = 0
    while learning.count < 3 || ContinuousClock.now < end {
      try cancellation.check()
      var start = Self.processorTime
      tokenizer = try learn(on: one)
      learning.append((Self.processorTime - start) / .seconds(1))
      for _ in 0..<3 {
        start = Self.processorTime
        tokenCount = try tokenizer.encode(bytes: bytes).count
        encoding.append((Self.processorTime - start) / .seconds(1))
        let wall = ContinuousClock.now
        var stream = TextTokenStream(tokenizer: tokenizer, device: all)
        // More than one piece for each core.
        for _ in 0..<Self.repeats { _ = try stream.append(bytes) }
        _ = try stream.finish()
        together.append((ContinuousClock.now - wall) / .seconds(Self.repeats))
      }
    }
    return Report(
      text: name, byteCount: bytes.count, tokenCount: tokenCount, vocabularySize: tokenizer.vocabularySize,
      turns: encoding.count, cores: cores, encodeMegabytesPerSecond: rate(encoding),
      encodeMegabytesPerSecondOnAllCores: rate(together), trainMegabytesPerSecond: rate(learning),
      trainSeconds: median(learning))
  }

  private func learn(on device: Device) throws -> BytePairTokenizer {
    var trainer = try BytePairTrainer(vocabularySize: Self.vocabularySize, device: device)
    try trainer.append(bytes)
    try trainer.endText()
    guard let tokenizer = try trainer.train(progress: { _ in !cancellation.isRequested }) else {
      throw Interruption()
    }
    return tokenizer
  }

  private func rate(_ seconds: [Double]) -> Double {
    (Double(bytes.count) / max(median(seconds), 1e-9) / 1e5).rounded() / 10
  }

  private func median(_ seconds: [Double]) -> Double { seconds.sorted()[seconds.count / 2] }

  /// Of the calling thread, which alone works when there is one.
  private static var processorTime: Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// Lines of made-up words, some frequent and most rare, first with Latin letters, then with kana and
  /// ideographs.
  private static func madeUpText() -> [UInt8] {
    var random = ChaCha20Generator(key: Keccak256.hash("benchmark tokenize".utf8))
    func below(_ bound: Int) -> Int { Int(random.next() % UInt32(bound)) }
    func words(_ count: Int, _ length: Int, _ letter: () -> UInt32) -> [String] {
      (0..<count).map { _ in
        (0...below(length)).reduce(into: "") { word, _ in
          if let scalar = Unicode.Scalar(letter()) { word.unicodeScalars.append(scalar) }
        }
      }
    }
    let latin = words(20_000, 9) { [97, 101, 105, 111, 110, 114, 115, 116, 108, 100, 104, 109][below(12)] }
    let japanese = words(20_000, 4) { UInt32(below(3) == 0 ? 0x4E00 + below(2_000) : 0x3041 + below(80)) }
    var text = ""
    for (words, space) in [(latin, " "), (japanese, "")] {
      let end = text.utf8.count + madeUpByteCount / 2
      while text.utf8.count < end {
        for _ in 0...below(16) { text += words[below(1 + below(1 + below(words.count)))] + space }
        text += space.isEmpty ? "。\n" : ".\n"
      }
    }
    return Array(text.utf8)
  }
}
