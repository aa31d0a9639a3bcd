import EmethCompute
import Foundation

/// A few lines that a trained model writes by itself.
enum TextSample {
  /// About `tokens` tokens from the model in `folder`, as lines that are safe to show on a terminal.
  static func text(from folder: URL, tokens: Int = 240) throws -> [String] {
    let contents = try ModelFolder.read(from: folder)
    let generator = try TextGenerator(
      configuration: contents.configuration, parameters: contents.parameters,
      device: try Device.cpu(threads: 1))
    let start = try contents.tokenizer.encode("\n")
    let output = try generator.generate(
      prompt: start, maxTokens: tokens,
      sampler: try Sampler(temperature: 0.8, topK: 40, seed: [UInt8](repeating: 1, count: 32)))
    return PlainText.visible(contents.tokenizer.decode(output)).split(separator: "\n").map(String.init)
  }
}
