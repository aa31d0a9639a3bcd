import EmethKit
import Foundation
import Testing

/// One of the public age vectors: lines of text that say what must happen, an empty line, the file.
struct AgeVector: CustomTestStringConvertible {
  enum Expectation: String {
    case success
    case noMatch = "no match"
    case headerFailure = "header failure"
    case payloadFailure = "payload failure"
  }

  let name: String
  let expectation: Expectation
  /// The SHA-256 of all data that may be given out.
  let payloadHash: Bytes32?
  let identities: [SealingIdentity]
  let file: [UInt8]

  var testDescription: String { name }

  static let all: [AgeVector] = {
    guard let folder = VectorFiles.folder?.appending(path: "age"),
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    else { return [] }
    return names.sorted().compactMap { name in
      do {
        return try AgeVector(name)
      } catch {
        Issue.record("\(name): \(error)")
        return nil
      }
    }
  }()

  init(_ name: String) throws {
    self.name = name
    let data = try VectorFiles.data("age/\(name)")
    let end = try #require(data.firstRange(of: Data("\n\n".utf8)))
    var file = Data(data[end.upperBound...])
    var (expectation, payloadHash): (Expectation?, Bytes32?) = (nil, nil)
    var identities: [SealingIdentity] = []
    for line in String(decoding: data[..<end.lowerBound], as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
      try #require(parts.count == 2)
      switch parts[0] {
      case "expect": expectation = Expectation(rawValue: parts[1])
      case "payload": payloadHash = try Bytes32(hex: parts[1])
      case "identity": identities.append(try SealingIdentity(parts[1]))
      case "compressed":
        try #require(parts[1] == "zlib")
        file = try Self.unpackedZlib(file)
      case "file key", "comment": break
      default: Issue.record("\(name) has the unknown line \(line)")
      }
    }
    self.expectation = try #require(expectation)
    self.payloadHash = payloadHash
    self.identities = identities
    self.file = Array(file)
  }

  /// The data of a zlib stream (RFC 1950), by gzip: its stream in the middle is the same.
  private static func unpackedZlib(_ data: Data) throws -> Data {
    let gzip = Process()
    gzip.executableURL = URL(filePath: "/usr/bin/gzip")
    gzip.arguments = ["-dc"]
    let (input, output) = (Pipe(), Pipe())
    gzip.standardInput = input
    gzip.standardOutput = output
    gzip.standardError = FileHandle.nullDevice
    try gzip.run()
    let packed =
      Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]) + data.dropFirst(2).dropLast(4) + Data(count: 8)
    DispatchQueue.global().async {
      try? input.fileHandleForWriting.write(contentsOf: packed)
      try? input.fileHandleForWriting.close()
    }
    let unpacked = output.fileHandleForReading.readDataToEndOfFile()
    gzip.waitUntilExit()
    // gzip misses its own checksum; zlib's says whether the data is whole.
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in unpacked {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    try #require((b << 16 | a).bigEndianBytes == Array(data.suffix(4)), "a broken zlib stream")
    return unpacked
  }
}
