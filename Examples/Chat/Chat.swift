import EmethNetwork
import Foundation

/// A chat in the terminal with a model that a server sells text of:
///
///     EMETH_API_KEY=emeth-... ExampleChat http://127.0.0.1:7443 tiny
@main struct Chat {
  static func main() async {
    let words = CommandLine.arguments.dropFirst()
    guard let url = words.first, let model = words.dropFirst().first,
      let key = ProcessInfo.processInfo.environment["EMETH_API_KEY"]
    else {
      FileHandle.standardError.write(Data("usage: EMETH_API_KEY=KEY ExampleChat URL MODEL\n".utf8))
      exit(2)
    }
    do {
      let gateway = GatewayClient(server: try ServerAddress(url), apiKey: key)
      var messages: [GatewayClient.Message] = []
      while let line = readLine() {
        messages.append(GatewayClient.Message(role: "user", content: line))
        var answer = ""
        for try await piece in gateway.chat(messages, model: model, maxTokens: 200) {
          answer += piece
          FileHandle.standardOutput.write(Data(piece.utf8))
        }
        print()
        messages.append(GatewayClient.Message(role: "assistant", content: answer))
      }
    } catch let error as NetworkError {
      FileHandle.standardError.write(Data("\(error.message)\n".utf8))
      exit(1)
    } catch {
      exit(1)
    }
  }
}
