import EmethKit
import Foundation

/// Requests as they stand on the wire, made before the clock runs.
struct BenchmarkRequests {
  let server: ServerAddress

  /// The lists that are measured.
  var lists: [(name: String, path: String)] {
    let requester = OpenJobs.key("requester", 3).address
    return [
      ("newest jobs", "/api/v2/jobs?limit=100"),
      ("open jobs", "/api/v2/jobs?status=PROCESSING&limit=100"),
      ("open jobs of one requester", "/api/v2/jobs?status=PROCESSING&requester=\(requester)&limit=100"),
      ("jobs of two statuses", "/api/v2/jobs?status=REQUESTED,PROCESSING&limit=100"),
      ("a page in the middle", "/api/v2/jobs?status=PROCESSING&before=50000&limit=100"),
      ("jobs of a status that none has", "/api/v2/jobs?status=VERIFIED&requester=\(requester)&limit=100"),
      ("the explorer's jobs", "/?status=PROCESSING"),
      ("best paid SubJobs", "/api/v2/sub-jobs?limit=100"),
      (
        "SubJobs above a price",
        "/api/v2/sub-jobs?limit=100&minimumFuelPrice=\(OpenJobs.price(6).holonPerFuel)"
      ),
      ("SubJobs of a program that none has", "/api/v2/sub-jobs?limit=100&programs=21"),
    ]
  }

  func get(_ path: String, signedBy key: PrivateKey? = nil) -> [UInt8] { request("GET", path, Data(), key) }

  func post(_ path: String, _ body: Data, signedBy key: PrivateKey) -> [UInt8] {
    request("POST", path, body, key)
  }

  private func request(_ method: String, _ path: String, _ body: Data, _ key: PrivateKey?) -> [UInt8] {
    var head = "\(method) \(path) HTTP/1.1\r\nHost: \(server.audience)\r\n"
    if !body.isEmpty { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
    if let key {
      var random = SystemRandomNumberGenerator()
      let statement = RequestStatement(
        audience: server.audience, method: method, path: path,
        bodyHash: body.withUnsafeBytes { Keccak256.hash($0) },
        time: UInt64(max(0, Date().timeIntervalSince1970)),
        nonce: Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }) ?? .zero)
      let signed = SignedRequest(signing: statement, in: .embedded, with: key)
      head += "\(SignedRequest.headerName): \(signed.headerValue)\r\n"
    }
    return Array(head.utf8) + Array("\r\n".utf8) + Array(body)
  }
}
