import Foundation

/// Of two test targets: the other one has a link to this file.
extension Pipe {
  /// The first line that a process writes, by which it says that it is ready; what there is of one when it ends before.
  func firstLine() -> String {
    var line = Data()
    while !line.contains(UInt8(ascii: "\n")) {
      let more = fileHandleForReading.availableData
      guard !more.isEmpty else { break }
      line.append(more)
    }
    return String(decoding: line.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
