import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// TLS by certificate files; the certificate of these tests is signed by itself and good for localhost.
@Suite struct TransportSecurityTests {
  private func fixture(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: name, withExtension: "pem", subdirectory: "Fixtures/tls"))
  }

  @Test func aKnownCertificateIsTrustedAndNoOther() async throws {
    var settings = ServerSettings()
    settings.certificate = .init(chain: try fixture("test-certificate"), key: try fixture("test-key"))
    let authority = try fixture("test-certificate")
    try await RunningServer.scene(settings) { server, network in
      #expect(server.address.isSecure)
      let client = server.client(TestKeys.requester) { $0.certificateAuthority = authority }
      #expect(try await client.balances(of: .zero).unspent > .zero)
      _ = try await client.withdraw(TokenAmount(holon: 5))
      #expect(network.changed == ["withdraw 5 by \(TestKeys.requester.address)"])
      let error = await #expect(throws: NetworkError.self) {
        _ = try await server.client().balances(of: .zero)
      }
      guard case .unreachable = error else {
        Issue.record("found \(String(describing: error))")
        return
      }
      // Who speaks plainly is not answered.
      let plain = try RawConnection(port: server.port)
      plain.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try await !plain.receive().contains("200"))
    }
  }

  @Test func aCertificateThatCannotBeReadIsSaidSo() async throws {
    var settings = ServerSettings()
    settings.certificate = .init(chain: try fixture("test-key"), key: try fixture("test-key"))
    let error = await #expect(throws: NetworkError.self) {
      _ = try await RunningServer.start(settings) { try FakeNetwork($0) }
    }
    #expect(error?.code == "setting.invalid")
  }

  @Test func aPortInUseIsSaidSo() async throws {
    try await RunningServer.scene { server, _ in
      let settings = ServerSettings(port: Int(server.port))
      let error = await #expect(throws: NetworkError.self) {
        _ = try await RunningServer.start(settings) { try FakeNetwork($0) }
      }
      #expect(error?.code == "setting.invalid")
      #expect(error?.message.contains("\(server.port)") == true)
    }
  }
}
