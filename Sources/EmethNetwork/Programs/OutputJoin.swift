import EmethKit
import Foundation

/// Joins the parts' outputs to a job's result, in their order, as the program says: the count-weighted mean for 999,
/// for others one behind the other. It goes into a file piece by piece: together they may be larger than the memory.
///
/// Outputs that can't be joined are ``NetworkError/moduleFailed(program:reason:)``.
final class OutputJoin {
  private let manifest: ComputedManifest
  private let file: URL
  private let byteLimit: UInt64
  private var hash = SHA256()
  /// What of the present output has come, and what came before; for 999 alone.
  private var numbers: [UInt8] = []
  private var mean = MeanOfNumbers()
  /// Bytes of the result.
  private(set) var byteCount: UInt64 = 0

  /// An empty result in a new file.
  init(_ manifest: ComputedManifest, to file: URL, byteLimit: UInt64) throws(NetworkError) {
    self.manifest = manifest
    self.file = file
    self.byteLimit = byteLimit
    try Files.write(Data(), to: file, at: 0)
  }

  /// Takes the next bytes of the present output.
  func append(_ piece: UnsafeRawBufferPointer) throws(NetworkError) {
    guard manifest.program == .meanOfNumbers else { return try write(Data(piece)) }
    guard UInt64(numbers.count + piece.count) <= manifest.outputBytes else {
      throw failure("an output has more than \(manifest.outputBytes) bytes")
    }
    numbers += piece
  }

  /// Ends the present output.
  func endPart() throws(NetworkError) {
    guard manifest.program == .meanOfNumbers else { return }
    do throws(ProgramError) {
      try mean.add(MeanOfNumbers(output: numbers))
    } catch {
      throw failure("an output can't be joined: \(error.message)")
    }
    numbers = []
  }

  /// Ends the result; its SHA-256.
  func finish() throws(NetworkError) -> Bytes32 {
    if manifest.program == .meanOfNumbers { try write(Data(mean.output)) }
    return hash.finalize()
  }

  /// What else is to be said of the result.
  var remark: String? {
    guard manifest.program == .meanOfNumbers, mean.count < manifest.recordCount else { return nil }
    return "\(manifest.recordCount - mean.count) of \(manifest.recordCount) lines are no numbers"
  }

  private func write(_ bytes: Data) throws(NetworkError) {
    guard byteCount + UInt64(bytes.count) <= byteLimit else {
      throw failure("its outputs have more than \(byteLimit) bytes together")
    }
    try Files.write(bytes, to: file, at: byteCount)
    byteCount += UInt64(bytes.count)
    hash.update(bytes)
  }

  private func failure(_ reason: String) -> NetworkError {
    .moduleFailed(program: "\(manifest.program)", reason: reason)
  }
}
