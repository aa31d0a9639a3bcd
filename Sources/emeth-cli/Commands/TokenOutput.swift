import Foundation

/// Where token ids go: a file of 32-bit numbers that appears whole, or text on standard output that waits
/// until all is well, or nowhere when they are counted only.
final class TokenOutput {
  /// What there is to say in the end.
  struct Summary: Encodable {
    var byteCount: Int
    var out: String?
    var tokenCount: Int
    var vocabularySize: Int
  }

  private let context: CommandContext
  private let isCountOnly: Bool
  private let file: StreamOutput?
  /// The ids as text; or as numbers, when those are for standard output.
  private let spool = SpooledOutput()
  private let isBinary: Bool
  private let asJSON: Bool
  private let separator: UInt8
  private var isFirst = true

  /// An output to a file (`-` for standard output), or of text when there is none.
  init(file: String?, isCountOnly: Bool, asJSON: Bool, context: CommandContext) throws {
    self.context = context
    self.isCountOnly = isCountOnly
    isBinary = file != nil
    self.asJSON = asJSON
    separator = asJSON ? UInt8(ascii: ",") : UInt8(ascii: " ")
    self.file = try file.flatMap { $0 == "-" ? nil : try StreamOutput($0, context) }
  }

  /// Adds ids.
  func append(_ tokens: [UInt32]) throws {
    if isCountOnly { return }
    if isBinary {
      let numbers = tokens.map { $0.littleEndian }
      try numbers.withUnsafeBytes { bytes in
        if let file { try file.write(bytes) } else { try spool.append(bytes) }
      }
    } else {
      try spool.append(text(of: tokens))
    }
  }

  /// Writes what has waited, and the summary.
  func finish(_ summary: Summary) throws {
    try file?.commit()
    if isBinary {
      try spool.write(to: context.output)
      if asJSON, summary.out != "-" { try context.output.write(JSONText.line(summary)) }
    } else if asJSON {
      try writeJSON(summary)
    } else if isCountOnly {
      try context.output.print("\(summary.tokenCount)")
    } else {
      try spool.write(to: context.output)
      try context.output.write("\n")
    }
  }

  /// Removes what is not finished.
  func discard() { file?.discard() }

  /// The ids stand between the other members, so that no more than a piece of them is ever in memory.
  private func writeJSON(_ summary: Summary) throws {
    guard !isCountOnly else { return try context.output.write(JSONText.line(summary)) }
    let head = "{\"byteCount\":\(summary.byteCount),\"tokenCount\":\(summary.tokenCount),\"tokens\":["
    try context.output.write(head)
    try spool.write(to: context.output)
    try context.output.write("],\"vocabularySize\":\(summary.vocabularySize)}\n")
  }

  /// The ids as decimal numbers, a space or, in JSON, a comma in front of each but the first.
  private func text(of tokens: [UInt32]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(6 * tokens.count)
    for token in tokens {
      if !isFirst { text.append(separator) }
      isFirst = false
      var digits: (UInt64, Int) = (0, 0)
      var rest = token
      repeat {
        digits = (digits.0 << 4 | UInt64(rest % 10), digits.1 + 1)
        rest /= 10
      } while rest > 0
      for _ in 0..<digits.1 {
        text.append(UInt8(ascii: "0") + UInt8(digits.0 & 15))
        digits.0 >>= 4
      }
    }
    return text
  }
}
