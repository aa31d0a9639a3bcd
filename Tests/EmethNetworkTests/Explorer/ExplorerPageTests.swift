import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Pages over a listening server: what they allow, whom they answer in which language, and what they do with names that
/// somebody outside has chosen.
@Suite struct ExplorerPageTests {
  private func ask(
    _ server: RunningServer, _ path: String, method: String = "GET", accept: String = "text/html",
    headers: [(String, String)] = []
  ) async throws -> Asked {
    try await Asked.send(to: server, method, path, body: nil, headers: [("Accept", accept)] + headers)
  }

  private func text(_ asked: Asked) -> String { String(decoding: asked.received, as: UTF8.self) }

  @Test func everyPageKeepsToThePolicy() async throws {
    try await RunningServer.scene { server, network in
      let job = "\(network.jobID)"
      for path in [
        "/", "/?lang=ja", "/?status=VERIFIED", "/jobs/\(job)", "/jobs/\(job)?round=1&lang=ja", "/batches",
        "/nowhere",
      ] {
        let answer = try await ask(server, path)
        let html = text(answer)
        #expect(answer.status == (path == "/nowhere" ? 404 : 200), "\(path)")
        #expect(answer.answerHeaders["content-type"] == "text/html; charset=utf-8")
        #expect(answer.answerHeaders["content-security-policy"] == Page.contentSecurityPolicy)
        #expect(answer.answerHeaders["x-content-type-options"] == "nosniff")
        #expect(answer.answerHeaders["vary"] == "Accept, Accept-Language")
        #expect(html.hasPrefix("<!doctype html>\n<html lang="))
        // What the policy forbids is not tried: no style, no handler, no script but the one file.
        for word in [
          " style=", "<style", " onclick", " onload", " onerror", "javascript:", "http://", "https://",
        ]
        where !(word == "http://" && html.contains("xmlns=\"http://www.w3.org/2000/svg\"")) {
          #expect(!html.contains(word), "\(path): \(word)")
        }
        #expect(html.components(separatedBy: "<script").count == 2)
        #expect(html.components(separatedBy: "<h1").count == 2, "\(path)")
      }
    }
  }

  @Test func namesFromOutsideStayText() async throws {
    for text in MarkupTests.hostile {
      try await RunningServer.scene { server, network in
        network.state.withLock { ($0.dataSet, $0.reason) = (text, text) }
        for path in ["/", "/jobs/\(network.jobID)"] {
          let html = self.text(try await ask(server, path))
          #expect(html.contains(Markup(text).html), "\(path)")
          #expect(!html.contains("<script>alert") && !html.contains("<img") && !html.contains("<svg onload"))
          #expect(!html.contains("<!--") && !html.contains("\u{202E}"))
        }
      }
    }
  }

  @Test func whatIsAskedForIsShownAsText() async throws {
    try await RunningServer.scene { server, _ in
      for path in [
        "/find?q=%3Cscript%3Ealert(1)%3C/script%3E", "/?status=%3Cscript%3E", "/jobs/%3Cscript%3E",
        "/batches/%22%3E%3Cscript%3E", "/?lang=%22%3E%3Cscript%3E", "/?before=%27%22%3E%3Cscript%3E",
      ] {
        let html = text(try await ask(server, path))
        #expect(!html.contains("<script>"), "\(path)")
      }
    }
  }

  @Test func bothLanguagesAreSpoken() async throws {
    try await RunningServer.scene { server, network in
      for path in ["/", "/jobs/\(network.jobID)", "/batches", "/nowhere"] {
        let english = text(try await ask(server, path))
        let japanese = text(try await ask(server, path, headers: [("Accept-Language", "ja,en;q=0.5")]))
        let named = text(try await ask(server, path + "?lang=ja", headers: [("Accept-Language", "en")]))
        #expect(english.contains("<html lang=\"en\">") && japanese.contains("<html lang=\"ja\">"))
        #expect(named.contains("<html lang=\"ja\">"))
        // Whoever named a language keeps it over links; who did not goes by the browser.
        #expect(named.contains("href=\"/batches?lang=ja\""))
        #expect(japanese.contains("href=\"/batches\""))
        #expect(english.contains("日本語") && japanese.contains("English"))
        // Nothing is left in the other language but names.
        let words = japanese.replacing(#/<[^>]*>/#, with: " ")
        for phrase in [Phrase.network, .batches, .footer, .search] {
          #expect(!words.contains(phrase.texts.english), "\(path): \(phrase)")
        }
      }
    }
  }

  @Test func whatIsNotThereIsAPageForPeopleAndJSONForPrograms() async throws {
    try await RunningServer.scene { server, network in
      let unknown = JobID(requester: .zero, salt: .zero)
      for (path, status) in [
        ("/nowhere", 404), ("/jobs/\(unknown)", 404), ("/jobs/0x12", 404), ("/accounts/0x00", 404),
        ("/accounts/\(Address.zero)/tickets/1", 404), ("/batches/1", 404), ("/batches/0", 404),
        ("/batches/x", 404),
        ("/?status=HAPPY", 400), ("/jobs/\(network.jobID)?round=0", 400), ("/find?q=neko", 404),
        ("/find", 404),
        ("/batches/9223372036854775807", 404), ("/batches?before=0", 400),
      ] {
        let page = try await ask(server, path)
        #expect(page.status == status, "\(path)")
        #expect(text(page).contains("<h1>"), "\(path)")
        #expect(page.answerHeaders["content-security-policy"] == Page.contentSecurityPolicy)
        let json = try await ask(server, path, accept: "*/*")
        #expect(json.status == status)
        #expect((try? JSONDecoder().decode(ServerRefusal.Body.self, from: json.received)) != nil, "\(path)")
      }
      // The API answers programs, whoever asks.
      let api = try await ask(server, "/api/v2/jobs/\(unknown)")
      #expect(api.status == 404 && api.answerHeaders["content-type"] == "application/json")
      network.state.withLock { $0.isBroken = true }
      let broken = try await ask(server, "/")
      #expect(broken.status == 500 && !text(broken).contains("secret place"))
      let method = try await ask(server, "/batches", method: "DELETE")
      #expect(method.status == 405 && method.answerHeaders["allow"] == "GET, HEAD")
    }
  }

  @Test func headsAreAnsweredWithoutBodies() async throws {
    try await RunningServer.scene { server, network in
      for path in ["/", "/jobs/\(network.jobID)", "/batches", "/static/explorer.js"] {
        let head = try await ask(server, path, method: "HEAD")
        #expect(head.status == 200 && head.received.isEmpty, "\(path)")
        #expect(head.answerHeaders["content-type"]?.isEmpty == false)
      }
    }
  }

  @Test func filesAreKeptByWhoHasThem() async throws {
    try await RunningServer.scene { server, _ in
      let html = text(try await ask(server, "/"))
      for file in StaticFile.all {
        #expect(html.contains("\"\(file.path)\""), "every page names this version of \(file.name)")
        let answer = try await ask(server, "\(file.path)", accept: "*/*")
        #expect(answer.status == 200 && answer.received == Data(file.bytes))
        #expect(answer.answerHeaders["content-type"] == file.contentType)
        #expect(answer.answerHeaders["cache-control"] == "public, max-age=31536000, immutable")
        let tag = try #require(answer.answerHeaders["etag"])
        let plain = try await ask(server, "/static/\(file.name)", accept: "*/*")
        #expect(plain.answerHeaders["cache-control"] == "no-cache")
        for seen in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
          let again = try await ask(
            server, "/static/\(file.name)", accept: "*/*", headers: [("If-None-Match", seen)])
          #expect(again.status == 304 && again.received.isEmpty, "\(seen)")
        }
        let other = try await ask(server, "/static/\(file.name)", headers: [("If-None-Match", "\"x\"")])
        #expect(other.status == 200)
        // No file of these loads anything from anywhere.
        let content = String(decoding: file.bytes, as: UTF8.self)
        #expect(!content.contains("@import") && !content.contains("url(") && !content.contains("https://"))
        #expect(!content.contains("eval(") && !content.contains("innerHTML ="))
      }
      #expect(try await ask(server, "/static/../explorer.js").status == 404)
    }
  }

  @Test func aSearchLeadsToThePage() async throws {
    try await RunningServer.scene { server, network in
      for (text, target) in [
        ("\(network.jobID)", "/jobs/\(network.jobID)"), ("7", "/batches/7"),
        ("%20+\(TestKeys.other.address)%20", "/accounts/\(TestKeys.other.address)"),
        ("7&lang=ja", "/batches/7?lang=ja"),
      ] {
        let answer = try await ask(server, "/find?q=\(text)")
        #expect(answer.status == 303 && answer.answerHeaders["location"] == target)
      }
    }
  }
}
