import Foundation
import Testing

/// Compares output with a recorded text in Fixtures/golden.
///
/// With EMETH_RECORD_GOLDEN=1 the text is written into the source tree instead, to be read before it is
/// committed.
enum Golden {
  static func check(
    _ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation,
    file: String = #filePath
  ) throws {
    if ProcessInfo.processInfo.environment["EMETH_RECORD_GOLDEN"] == "1" {
      let root = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
      let url = root.appending(path: "Fixtures/golden/\(name)")
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: url, atomically: true, encoding: .utf8)
      return
    }
    let url = Bundle.module.bundleURL.appending(path: "Fixtures/golden/\(name)")
    let recorded = try String(contentsOf: url, encoding: .utf8)
    #expect(text == recorded, "differs from Fixtures/golden/\(name)", sourceLocation: sourceLocation)
  }
}
