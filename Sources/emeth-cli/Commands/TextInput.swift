import EmethCompute
import Foundation

/// Text of any size from a file or standard input, chunk by chunk.
final class TextInput {
  private static let chunkByteCount = 1 << 20

  private let path: String
  private let stream: StreamInput

  /// Opens a file, `-` for standard input.
  init(_ path: String, _ context: CommandContext) throws {
    self.path = path
    stream = try StreamInput(path, context.cancellation)
  }

  /// The next bytes, nil at the end.
  ///
  /// - Throws: `FileError`, and `Interruption` when the user wants to stop.
  func next() throws -> [UInt8]? {
    let chunk = try [UInt8](unsafeUninitializedCapacity: Self.chunkByteCount) { buffer, count in
      count = try stream.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    return chunk.isEmpty ? nil : chunk
  }

  /// Refuses a text without a byte.
  func refuseNothing(byteCount: Int) throws(FileError) {
    if byteCount == 0 { throw .empty(path: stream.name) }
  }

  /// Runs work on the text; what is wrong with the text is told with the name of the file.
  func naming<Result>(_ work: () throws -> Result) throws -> Result {
    do {
      return try work()
    } catch let error as ComputeError {
      throw CommandFailure(
        .badInput, code: error.code, "\(stream.name): \(error.message)", hint: error.hint)
    }
  }
}
