import Foundation
import Testing

@testable import EmethCompute

@Suite struct WholeFileTests {
  private func names(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test func theFileAppearsAtTheEndAndWhole() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appendingPathComponent("name")
    let bytes = [UInt8](repeating: 7, count: 100_000)
    let file = try WholeFile(url)
    try bytes.withUnsafeBytes { try file.write($0) }
    #expect(!FileManager.default.fileExists(atPath: url.path))
    try file.commit()
    #expect(try names(folder.url) == ["name"])
    #expect(try [UInt8](Data(contentsOf: url)) == bytes)
    try WholeFile.write([1], to: url)
    #expect(try WholeFile.read(url, byteLimit: 1) == [1])
  }

  @Test func withoutCommitNothingStays() throws {
    let folder = try TemporaryFolder()
    do {
      let file = try WholeFile(folder.url.appendingPathComponent("name"))
      try [UInt8](repeating: 0, count: 10).withUnsafeBytes { try file.write($0) }
      #expect(try names(folder.url).count == 1)
    }
    #expect(try names(folder.url).isEmpty)
  }

  @Test func failuresNameTheFile() throws {
    let folder = try TemporaryFolder()
    let nowhere = folder.url.appendingPathComponent("none/name")
    #expect(throws: ComputeError.fileUnwritable(path: nowhere.path, reason: "No such file or directory")) {
      try WholeFile.write([1], to: nowhere)
    }
    // A folder stands where the file should go.
    #expect(throws: ComputeError.self) { try WholeFile.write([1], to: folder.url) }
    let file = try folder.write([1, 2, 3], "three")
    #expect(throws: ComputeError.self) { try WholeFile.read(file, byteLimit: 2) }
  }
}
