import EmethKit
import Testing

/// Records that never end: the scanner holds nothing of them, and says where they began.
@Suite struct RecordLimitTests {
  /// Feeds `byteCount` zeros behind a first record, in buffers of 1 MiB.
  private func scanZeros(_ kind: RecordKind, _ byteCount: Int) throws(SplittingError) -> UInt64 {
    var scanner = RecordScanner(kind)
    let first = Array("{}\n".utf8)
    try feed(first[...], to: &scanner)
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    var rest = byteCount
    while rest > 0 {
      try feed(zeros.prefix(rest), to: &scanner)
      rest -= min(rest, zeros.count)
    }
    try scanner.finish { _ in }
    return scanner.recordCount
  }

  private func feed(_ bytes: ArraySlice<UInt8>, to scanner: inout RecordScanner) throws(SplittingError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(SplittingError) in
      try scanner.scan(UnsafeRawBufferPointer(buffer)) { _ in }
    }
  }

  @Test(arguments: [RecordKind.line, .json])
  func aRecordHasItsLimitAndNotAByteMore(kind: RecordKind) throws {
    let limit = kind.recordByteLimit
    #expect(limit == (kind == .json ? 16 << 20 : 64 << 20))
    #expect(try scanZeros(kind, limit) == 2)
    #expect(throws: SplittingError.recordTooLong(record: 1, at: 3, allowed: limit)) {
      try scanZeros(kind, limit + 1)
    }
  }

  /// A gibibyte at the large counts: the error comes at the limit, whatever follows.
  @Test func endlessZerosAreRefused() {
    #expect(throws: SplittingError.recordTooLong(record: 0, at: 0, allowed: 64 << 20)) {
      try scanZeros(.sentence, (64 << 20) + min(scaled(10), 960) << 20)
    }
  }
}
