import Foundation

/// Turns text that arrives in chunks into tokens, on all threads of a device and in constant memory.
///
/// The tokens are those of the whole text at once, whatever the chunks and the number of threads. Memory is
/// some 10 MiB a thread; a text that can't be parted anywhere (one word of gigabytes) is kept as a whole, and
/// refused where it is longer than its tokenizer takes.
///
/// ```swift
/// var stream = TextTokenStream(tokenizer: tokenizer, device: try Device.cpu(threads: 2))
/// while let chunk = try file.read(upToCount: 1 << 20) {
///   for tokens in try stream.append(chunk) { write(tokens) }
/// }
/// for tokens in try stream.finish() { write(tokens) }
/// ```
public struct TextTokenStream {
  /// Bytes of text given so far.
  public private(set) var byteCount = 0
  /// Tokens given back so far.
  public private(set) var tokenCount = 0

  private let tokenizer: any Tokenizer
  private let device: Device
  private var pieces: TextPieces

  /// A stream at the start of a text.
  public init(tokenizer: any Tokenizer, device: Device) {
    self.tokenizer = tokenizer
    self.device = device
    pieces = TextPieces { tokenizer.partingPlace(in: $0, after: $1) }
  }

  /// Adds bytes of the text; gives the tokens that are certain by now, one array after the other.
  ///
  /// - Throws: `ComputeError.invalidInput` with the offset in the text of the first byte that is not UTF-8.
  public mutating func append(_ bytes: some ContiguousBytes) throws(ComputeError) -> [[UInt32]] {
    let result = bytes.withUnsafeBytes { chunk -> Result<Int, ComputeError> in
      Result { () throws(ComputeError) in
        try pieces.append(chunk)
        return chunk.count
      }
    }
    byteCount += try result.get()
    var tokens: [[UInt32]] = []
    while pieces.count >= device.threads { tokens += try encode(device.threads) }
    return tokens
  }

  /// Ends the text; gives the rest of the tokens.
  ///
  /// - Throws: as ``append(_:)``, also for a character that is cut off.
  public mutating func finish() throws(ComputeError) -> [[UInt32]] {
    try pieces.finish()
    return try encode(pieces.count)
  }

  private mutating func encode(_ count: Int) throws(ComputeError) -> [[UInt32]] {
    let (bytes, ranges) = pieces.take(count)
    let results = ParallelResults<Result<[UInt32], ComputeError>>(count: ranges.count)
    let tokenizer = tokenizer
    device.forEach(ranges.count) { index in
      results[index] = Result { () throws(ComputeError) in
        try tokenizer.encode(bytes: Array(bytes[ranges[index]]))
      }
    }
    var tokens: [[UInt32]] = []
    for result in results.values { tokens.append(try result.get()) }
    tokenCount += tokens.reduce(0) { $0 + $1.count }
    return tokens
  }
}
