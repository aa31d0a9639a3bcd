import Foundation
import Testing

@testable import EmethNetwork

/// Docs/openapi.yaml describes the routes that there are, all of them and no others.
@Suite struct OpenAPITests {
  private static let document = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Docs/openapi.yaml").standardizedFileURL

  @Test(
    .enabled(
      if: FileManager.default.isReadableFile(atPath: document.path), "the tests run without the sources"))
  func everyRouteIsDescribed() async throws {
    let text = try String(contentsOf: Self.document, encoding: .utf8)
    var described: Set<String> = []
    var path = ""
    for line in text.split(separator: "\n") {
      if line == "components:" { break }
      if line.hasPrefix("  /"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
      let word = line.dropFirst(4).prefix { $0 != ":" }
      if line.hasPrefix("    "), ["get", "put", "post", "delete"].contains(word) {
        described.insert("\(word.uppercased()) \(path)")
      }
    }
    try await RunningServer.scene { server, _ in
      let routes = server.server.routeTable.routes.filter { $0.method != .head && !$0.isPage }.map { route in
        let path = route.path.split(separator: "/").map {
          $0.hasPrefix(":") ? "{\($0.dropFirst())}" : "\($0)"
        }
        return "\(route.method.rawValue) /" + path.joined(separator: "/")
      }
      #expect(Set(routes) == described)
      #expect(routes.count == described.count)
    }
  }
}
