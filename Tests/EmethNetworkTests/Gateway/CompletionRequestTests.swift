import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Bodies of the OpenAI HTTP API, read strictly.
@Suite struct CompletionRequestTests {
  private func read(
    _ text: String, _ kind: CompletionRequest.Kind = .text
  ) throws -> CompletionRequest {
    try CompletionRequest(Data(text.utf8), kind, seed: TestNetwork.seed(9))
  }

  @Test func whatIsNotSaidIsAsElsewhere() throws {
    let text = try read(#"{"model":"m","prompt":"a"}"#)
    #expect(text.drawing.maxTokens == 16 && text.drawing.temperature == 1 && text.drawing.topP == 1)
    #expect(text.drawing.topK == 0 && text.drawing.stop.isEmpty && !text.isStreamed && !text.hasUsage)
    #expect(text.drawing.seed == TestNetwork.seed(9))
    let chat = try read(#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#, .chat)
    #expect(chat.prompt == "user: hi\nassistant:" && chat.drawing.maxTokens == 256)
    #expect(chat.drawing.stop == ["\nuser:"])
  }

  @Test func whatIsSaidCounts() throws {
    let text = try read(
      #"{"model":"m","prompt":["a\u00e9"],"max_tokens":7,"temperature":0,"top_p":0.5,"top_k":3,"seed":-4,"#
        + #""repetition_penalty":1.25,"stop":["x","yz"],"stream":true,"stream_options":{"include_usage":true},"#
        + #""n":1,"logit_bias":{},"presence_penalty":0.0,"user":"u","echo":false,"logprobs":null,"best_of":1}"#
    )
    #expect(text.prompt == "a\u{E9}" && text.isStreamed && text.hasUsage)
    var drawing = Drawing()
    (drawing.maxTokens, drawing.temperature, drawing.topP, drawing.topK) = (7, 0, 0.5, 3)
    (drawing.repetitionPenalty, drawing.stop, drawing.seed) = (1.25, ["x", "yz"], Drawing.seed("-4"))
    #expect(text.drawing == drawing)
    let chat = try read(
      #"{"model":"m","max_completion_tokens":5,"messages":[{"role":"system","content":"s"},"#
        + #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"#
        + #"{"role":"assistant","content":"c"}],"response_format":{"type":"text"},"tools":[]}"#, .chat)
    #expect(chat.prompt == "system: s\nuser: ab\nassistant: c\nassistant:" && chat.drawing.maxTokens == 5)
  }

  /// Each with the field that the answer names.
  @Test(arguments: [
    (#"{"prompt":"a"}"#, "model"), (#"{"model":1,"prompt":"a"}"#, "model"), (#"{"model":"m"}"#, "prompt"),
    (#"{"model":"m","prompt":[1,2]}"#, "prompt"), (#"{"model":"m","prompt":["a","b"]}"#, "prompt"),
    (#"{"model":"m","prompt":"a","max_tokens":0}"#, "max_tokens"),
    (#"{"model":"m","prompt":"a","max_tokens":16385}"#, "max_tokens"),
    (#"{"model":"m","prompt":"a","max_tokens":1.5}"#, "max_tokens"),
    (#"{"model":"m","prompt":"a","max_tokens":-1}"#, "max_tokens"),
    (#"{"model":"m","prompt":"a","max_tokens":18446744073709551617}"#, "max_tokens"),
    (#"{"model":"m","prompt":"a","temperature":-0.1}"#, "temperature"),
    (#"{"model":"m","prompt":"a","temperature":1e999}"#, "temperature"),
    (#"{"model":"m","prompt":"a","top_k":-1}"#, "top_k"),
    (#"{"model":"m","prompt":"a","seed":9223372036854775808}"#, "seed"),
    (#"{"model":"m","prompt":"a","temperature":2.1}"#, "temperature"),
    (#"{"model":"m","prompt":"a","temperature":"1"}"#, "temperature"),
    (#"{"model":"m","prompt":"a","top_p":0}"#, "top_p"), (#"{"model":"m","prompt":"a","n":2}"#, "n"),
    (#"{"model":"m","prompt":"a","stop":[""]}"#, "stop"),
    (#"{"model":"m","prompt":"a","stop":["a","b","c","d","e"]}"#, "stop"),
    (#"{"model":"m","prompt":"a","logprobs":3}"#, "logprobs"),
    (#"{"model":"m","prompt":"a","echo":true}"#, "echo"), (#"{"model":"m","prompt":"a","seed":"1"}"#, "seed"),
    (#"{"model":"m","prompt":"a","stream":"yes"}"#, "stream"),
    (#"{"model":"m","prompt":"a","frequency_penalty":0.1}"#, "frequency_penalty"),
    (#"{"model":"m","prompt":"a","messages":[]}"#, "messages"), (#"{"model":"m","prompt":"a","x":1}"#, "x"),
  ])
  func whatCantBeHadIsRefusedByName(body: String, field: String) {
    let failure = #expect(throws: RequestFailure.self) { try read(body) }
    #expect(failure?.status == .badRequest && failure?.details["param"] == field, "\(failure?.message ?? "")")
  }

  @Test(arguments: [
    #"{"model":"m","messages":[]}"#, #"{"model":"m","messages":"hi"}"#,
    #"{"model":"m","messages":[{"role":"robot","content":"a"}]}"#,
    #"{"model":"m","messages":[{"role":"user"}]}"#,
    #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
  ])
  func aChatThatIsNoneIsRefused(body: String) {
    let failure = #expect(throws: RequestFailure.self) { try read(body, .chat) }
    #expect(failure?.status == .badRequest && failure?.details["param"] == "messages")
  }

  @Test func whatIsNoTextIsRefused() {
    let bodies: [[UInt8]] = [[0x7B, 0xFF, 0x7D], Array("[]".utf8), Array("{".utf8), []]
    for bytes in bodies {
      let failure = #expect(throws: RequestFailure.self) {
        try CompletionRequest(Data(bytes), .text, seed: .zero)
      }
      #expect(failure?.status == .badRequest)
    }
  }

  /// What clients decide their error's type by.
  @Test func failuresHaveTheirTypes() throws {
    let expected: [(RequestFailure, String, Int)] = [
      (.completion("a", param: "p"), "invalid_request_error", 400),
      (.badAPIKey, "authentication_error", 401), (.noModel("m"), "invalid_request_error", 404),
      (.quota("q"), "insufficient_quota", 429),
      (.crowded("c", retryAfterSeconds: 2), "rate_limit_error", 429), (.noNode("n"), "server_error", 503),
    ]
    for (failure, type, status) in expected {
      let body = CompletionFailure(failure)
      #expect(body.error.type == type && failure.status.code == status)
      let text = try body.wireText()
      #expect(text.contains("\"param\":") && text.contains("\"code\":\"\(failure.code)\""))
    }
  }
}
