import EmethKit
import Synchronization

/// Writes an age file as text.
final class ArmoredOutput: Sendable {
  private let output: StreamOutput
  private let writer = Mutex<ArmorWriter?>(ArmorWriter())

  init(_ output: StreamOutput) { self.output = output }

  /// Writes the lines that the bytes fill.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var text: [UInt8] = []
    writer.withLock { $0?.append(bytes, to: &text) }
    try text.withUnsafeBytes { try output.write($0) }
  }

  /// Writes the last lines.
  func finish() throws {
    var text: [UInt8] = []
    writer.withLock { writer in
      if let last = writer.take() { last.finish(to: &text) }
    }
    try text.withUnsafeBytes { try output.write($0) }
  }
}
