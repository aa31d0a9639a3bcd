import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Archives of one file: what this project writes, and what strangers send.
@Suite struct ZipArchiveTests {
  /// By Python's zipfile: a text whose code stands before it, one in the fixed code, and one that is not compressed but in
  /// blocks.
  private static let dynamic = """
    UEsDBBQAAAAIAAAAYVfkn3q5FAEAAEIGAAAOAAAAaW5wdXQtMHgwMC5kYXR9VFsKAzEIvEqulo8iS2EXSovXb9lEndGkH21C\
    fI3juNLb+3od4096Ox/Pq2lvx/kZd7/cHtPyO8xXkq/OhPNONrnD5qtb3Iy/ADUD0Wg1Ci6PDIs1BnhXHpYFsSP8Ws+yWRBw\
    YlaAXviRdGrCFwUxG3TjSOv8UltUH+kK+n0yiJuIKSFIFjSKOdClxAy+ZqQSj9vCEbNNPTqpU67cyKogSg5KboRSLSsdUckk\
    Z/LH5fM+uLHwA96DFlqsvGgsZlhQ6HWhZtnulm60C5KqU5AVd7Fx4AH4vUl+S6upvZSa4O1FO0gK4Mej9CJ96nE7ZVom7Ykv\
    dOIu/y0NFRPghz+cVdNw0nagCiMHsFO+6TgVTQTecV9QSwECFAMUAAAACAAAAGFX5J96uRQBAABCBgAADgAAAAAAAAAAAAAA\
    gAEAAAAAaW5wdXQtMHgwMC5kYXRQSwUGAAAAAAEAAQA8AAAAQAEAAAAA
    """
  private static let fixed = """
    UEsDBBQAAAAIAAAAYVc0Km5aBwAAAAwAAAAOAAAAaW5wdXQtMHgwMC5kYXRLTEpOhCEAUEsBAhQDFAAAAAgAAABhVzQqbloH\
    AAAADAAAAA4AAAAAAAAAAAAAAIABAAAAAGlucHV0LTB4MDAuZGF0UEsFBgAAAAABAAEAPAAAADMAAAAAAA==
    """
  private static let stored = """
    UEsDBBQAAAAIAAAAYVfYVF93CwAAAAYAAAAOAAAAaW5wdXQtMHgwMC5kYXQBBgD5/zEKMgozClBLAQIUAxQAAAAIAAAAYVfY\
    VF93CwAAAAYAAAAOAAAAAAAAAAAAAACAAQAAAABpbnB1dC0weDAwLmRhdFBLBQYAAAAAAQABADwAAAA3AAAAAAA=
    """

  private func archive(_ text: String) throws -> Data { try #require(Data(base64Encoded: text)) }

  private func content(_ archive: Data, limit: Int = 1 << 20) throws -> Data {
    try ZipArchive.file(of: archive, limit: limit)
  }

  @Test func whatOthersHavePackedIsRead() throws {
    let text = try content(archive(Self.dynamic))
    #expect(text.count == 1602)
    #expect(
      "\(SHA256.hash(Array(text)))" == "0x6558a2baa567311f30ad4b595f8497aacb440b369482ac961eabf597f2109a95")
    #expect(String(decoding: try content(archive(Self.fixed)), as: UTF8.self) == "abcabcabcabc")
    #expect(String(decoding: try content(archive(Self.stored)), as: UTF8.self) == "1\n2\n3\n")
  }

  @Test func whatIsWrittenIsRead() throws {
    for data in [Data(), Data([7]), testBytes(100_000)] {
      let archive = try ZipArchive.archive(data, named: "output.dat")
      #expect(try content(archive) == data)
      // The same file is the same archive, also out of the middle of other bytes.
      #expect(try ZipArchive.archive(Data([1]) + data, named: "output.dat") != archive)
      let inside = Data([1, 2]) + archive
      #expect(try content(inside[2...]) == data)
    }
  }

  @Test(.enabled(if: ChainBridge.python != nil, "EMETH_PYTHON names no Python"))
  func othersReadWhatIsWritten() async throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "a.zip")
    try ZipArchive.archive(Data("3,2.5\r\n".utf8), named: "output-1.dat").write(to: file)
    let script =
      "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; "
      + "print(z.namelist(), z.read(z.namelist()[0]))"
    let told = try await blocking {
      let process = Process()
      process.executableURL = URL(filePath: try #require(ChainBridge.python))
      process.arguments = ["-c", script, file.path]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
    #expect(told == "['output-1.dat'] b'3,2.5\\r\\n'\n")
  }

  /// A file that is packed into far more than it has is a way to fill disks.
  @Test func whatIsPackedIntoFarMoreIsRefused() throws {
    func packed(emptyBlocks count: Int) throws -> Data {
      let bytes = Data((0..<count).flatMap { _ in [UInt8]([0, 0, 0, 255, 255]) } + [1, 0, 0, 255, 255])
      var archive = try ZipArchive.archive(bytes, named: "a")
      let central = archive.count - 22 - 47
      archive[central + 10] = 8
      for place in [16, 17, 18, 19, 24, 25, 26, 27] { archive[central + place] = 0 }
      return archive
    }
    #expect(try content(packed(emptyBlocks: 200)).isEmpty)
    #expect(throws: NetworkError.self) { try content(packed(emptyBlocks: 300)) }
  }

  /// Whatever is cut off, changed or too long is an error, and never another content.
  @Test func whatIsBrokenIsRefused() throws {
    for text in [Self.dynamic, Self.fixed, Self.stored] {
      let whole = try archive(text)
      let right = try content(whole)
      for count in 0..<whole.count {
        #expect(throws: NetworkError.self) { try content(whole.prefix(count)) }
      }
      for place in whole.indices {
        for bit in [UInt8(1), 16, 128] {
          var changed = whole
          changed[place] ^= bit
          // Dates, names and versions may be others.
          if let found = try? content(changed) { #expect(found == right, "byte \(place)") }
        }
      }
      #expect(throws: NetworkError.self) { try content(whole, limit: right.count - 1) }
    }
    #expect(throws: NetworkError.self) { try content(testBytes(10_000)) }
  }
}
