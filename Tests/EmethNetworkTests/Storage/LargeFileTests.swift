import Foundation
import Testing

@testable import EmethNetwork

/// Files that are written past the page cache hold the same bytes.
@Suite struct LargeFileTests {
  private func write(_ data: Data, in pieces: Int, to file: URL) throws {
    try Files.write(to: file, durable: false, isLarge: true) { writer throws(NetworkError) in
      try asNetworkError {
        try data.withUnsafeBytes { bytes in
          var rest = bytes[...]
          while !rest.isEmpty {
            try writer.write(UnsafeRawBufferPointer(rebasing: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
          }
        }
      }
    }
  }

  @Test(arguments: [0, 1, 4_095, 4_096, 4_097, 4 << 20, (4 << 20) + 1, 13_000_001], [1_000_003, 64 << 20])
  func theyHoldWhatWasWritten(count: Int, pieces: Int) throws {
    let folder = try TemporaryFolder()
    var data = Data(count: count)
    for index in stride(from: 0, to: count, by: 997) { data[index] = UInt8(truncatingIfNeeded: index) }
    let file = folder.url.appending(path: "large")
    try write(data, in: pieces, to: file)
    #expect(try Data(contentsOf: file) == data)
    // Written again, the new one takes the old one's place.
    try write(Data("new".utf8), in: 2, to: file)
    #expect(try Data(contentsOf: file) == Data("new".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["large"])
  }

  /// File systems in memory know no such files: written as any other.
  @Test func whereThePageCacheIsAllThereIs() throws {
    let place = URL(filePath: "/dev/shm/emeth-\(UUID().uuidString)")
    guard (try? FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)) != nil
    else { return }
    defer { try? FileManager.default.removeItem(at: place) }
    let file = place.appending(path: "large")
    let data = Data(repeating: 7, count: 5_000_000)
    try write(data, in: 1 << 20, to: file)
    #expect(try Data(contentsOf: file) == data)
  }

  @Test func aFolderThatIsMissingIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "missing/large")
    let error = #expect(throws: NetworkError.self) { try write(Data([1]), in: 1, to: file) }
    #expect(error?.message.contains("missing/large") == true)
  }
}
