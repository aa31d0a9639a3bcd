import Foundation
import Logging
import Synchronization
import Testing

@testable import EmethNetwork

/// Log entries are JSON, one on a line, whatever stands in them.
@Suite struct JSONLogHandlerTests {
  private final class Lines: Sendable {
    let all = Mutex<[String]>([])
  }

  @Test(arguments: [
    "request", "", "a \"word\"", "C:\\folder", "two\nlines\tand\u{0}\u{1f}\u{7f}", "猫である \u{2028} 😀",
  ])
  func anEntryIsOneLineOfJSON(_ text: String) throws {
    let lines = Lines()
    var logger = Logger(label: "emeth.test") {
      JSONLogHandler(label: $0) { line in lines.all.withLock { $0.append(line) } }
    }
    logger[metadataKey: "always"] = "there"
    logger.warning("\(text)", metadata: ["path": "\(text)", "status": "\(404)"])
    logger.debug("not written")
    let written = lines.all.withLock { $0 }
    let line = try #require(written.first)
    #expect(written.count == 1 && line.hasSuffix("}\n") && !line.dropLast().contains("\n"))
    let members = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
    #expect(members["message"] == text && members["path"] == text && members["status"] == "404")
    #expect(members["label"] == "emeth.test" && members["level"] == "warning" && members["always"] == "there")
    let time = try Date(
      #require(members["time"]), strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    #expect(abs(time.timeIntervalSinceNow) < 60)
    #expect(members.count == 7)
  }
}
