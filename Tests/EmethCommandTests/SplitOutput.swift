import EmethKit
import Foundation
import Testing

/// What `emeth split --json` prints; 64-bit numbers must be texts, or decoding fails.
struct SplitOutput: Decodable {
  struct Part: Decodable {
    var index: UInt32
    var file: String
    var firstRecord: String
    var records: String
    var bytes: String
    var root: Bytes32
  }

  var folder: String
  var manifest: String
  var manifestHash: Bytes32
  var recordKind: String
  var records: String
  var bytes: String
  var recordsRoot: Bytes32
  var parts: [Part]
  var writtenPart: UInt32?
}

extension ScratchFolder {
  /// Lines of many lengths with quotes, end marks and three scripts, about so many bytes, always the same.
  func writeLines(byteCount: Int, to name: String) throws {
    let samples = [
      "To be, or not to be: that is the question.\n", "\"Go!\" he said (twice?). Then...\r\n", "\n",
      "吾輩は猫である。名前はまだ無い。\n", "😀 ok! ‘Yes.’ e.g. 3.14\n", "no mark and no end ",
    ]
    var state: UInt64 = 5
    var text = ""
    while text.utf8.count < byteCount {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      text += samples[Int(state >> 33) % samples.count]
    }
    try write(text, to: name)
  }

  func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: url.appending(path: name))) }

  func write(_ bytes: [UInt8], to name: String) throws {
    try Data(bytes).write(to: url.appending(path: name))
  }

  /// A private file with a secret.
  func writeSecret(_ secret: Bytes32, to name: String) throws {
    try write("\(secret)\n", to: name)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path(name))
  }
}
