import EmethKit
import Foundation
import Testing

/// Public test vectors in the folder that the environment variable EMETH_VECTORS names.
enum VectorFiles {
  /// The folder, or nil when none is named or it does not exist.
  static let folder: URL? = {
    guard let path = ProcessInfo.processInfo.environment["EMETH_VECTORS"], !path.isEmpty else { return nil }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return nil
    }
    return URL(fileURLWithPath: path, isDirectory: true)
  }()

  static var isAvailable: Bool { folder != nil }

  /// Why tests that need the vectors are skipped.
  static let reason: Comment = "EMETH_VECTORS names no folder of public test vectors"

  /// The bytes of a file, unpacked when its name ends in .gz.
  static func data(_ name: String) throws -> Data {
    let file = try #require(folder).appendingPathComponent(name)
    guard file.pathExtension == "gz" else { return try Data(contentsOf: file) }
    let gzip = Process()
    gzip.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
    gzip.arguments = ["-dc", file.path]
    let output = Pipe()
    gzip.standardOutput = output
    try gzip.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    gzip.waitUntilExit()
    try #require(gzip.terminationStatus == 0, "gzip can't unpack \(name)")
    return data
  }

  /// The JSON of a file, read by the library's own parser.
  static func json(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: String(decoding: data(name), as: UTF8.self))
  }

  /// The JSON of a file as values of a type.
  static func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws -> Value {
    try JSONDecoder().decode(type, from: data(name))
  }
}
