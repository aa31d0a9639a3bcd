import EmethKit
import Hummingbird

/// A file that pages need, as part of the program: there is nothing to install beside it, and nothing to load from
/// anywhere else.
struct StaticFile: Sendable {
  let name: String
  let contentType: String
  let bytes: [UInt8]
  /// Of the content: another version has another one.
  let version: String

  init(name: String, contentType: String, bytes: [UInt8]) {
    self.name = name
    self.contentType = contentType
    self.bytes = bytes
    version = Hex.encode(SHA256.hash(bytes).bytes.prefix(8), prefixed: false)
  }

  static let script = StaticFile(
    name: "explorer.js", contentType: "text/javascript; charset=utf-8", bytes: PackageResources.explorer_js)
  static let style = StaticFile(
    name: "explorer.css", contentType: "text/css; charset=utf-8", bytes: PackageResources.explorer_css)
  static let icon = StaticFile(
    name: "icon.svg", contentType: "image/svg+xml", bytes: PackageResources.icon_svg)

  static let all = [script, style, icon]

  /// Where this version lies.
  var path: PagePath { PagePath("static", name, query: [("v", version)]) }

  /// The file, or that the reader has it already. What is asked for by its version never changes.
  func response(to request: Request) -> Response {
    let tag = "\"\(version)\""
    let isVersioned = request.uri.queryParameters["v"].map(String.init) == version
    var headers: HTTPFields = [
      .eTag: tag, .cacheControl: isVersioned ? "public, max-age=31536000, immutable" : "no-cache",
    ]
    let known = request.headers[.ifNoneMatch]?.split(separator: ",").map { $0.drop { $0 == " " } }
    if let known, known.contains(where: { $0 == tag || $0 == "W/\(tag)" || $0 == "*" }) {
      return Response(status: .notModified, headers: headers)
    }
    headers[.contentType] = contentType
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
