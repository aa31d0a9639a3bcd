import Foundation
import Testing

@testable import EmethNetwork

/// Pieces of files.
@Suite struct FileReaderTests {
  @Test func anyPieceIsReadAndNothingBehindTheEnd() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "file")
    let data = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) })
    try data.write(to: file)
    let reader = try FileReader(file)
    for (offset, count) in [(0, 0), (0, 1), (0, 100_000), (99_999, 1), (4_095, 70_001)] {
      #expect(try reader.read(at: UInt64(offset), count: count) == data[offset..<offset + count])
    }
    #expect(try reader.read(at: 90_000, count: 1 << 20) == data[90_000...])
    #expect(try reader.read(at: 100_000, count: 5).isEmpty && reader.read(at: 1 << 40, count: 5).isEmpty)
    // What is gone goes on being read by who has it open.
    try Files.remove(file)
    #expect(try reader.read(at: 1, count: 3) == data[1..<4])
    let error = #expect(throws: NetworkError.self) { _ = try FileReader(file) }
    #expect(error == .fileFailed(path: file.path, operation: "read", reason: "No such file or directory"))
  }

  @Test func aPlaceOfAFileIsWrittenAndTheRestCut() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "file")
    try Files.write(Data("begin".utf8), to: file, at: 0)
    try Files.write(Data("ning and".utf8), to: file, at: 5)
    try Files.write(Data(" end".utf8), to: file, at: 9)
    #expect(try Data(contentsOf: file) == Data("beginning end".utf8))
  }
}
