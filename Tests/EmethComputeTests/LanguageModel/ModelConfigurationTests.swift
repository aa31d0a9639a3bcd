import Foundation
import Testing

@testable import EmethCompute

@Suite struct ModelConfigurationTests {
  @Test("published sizes")
  func parameterCounts() {
    #expect(ModelConfiguration.gpt2.parameterCount == 124_439_808)
    #expect(ModelConfiguration.tiny.parameterCount == 834_304)
    for configuration in [ModelConfiguration.tiny, .small, .gpt2] {
      #expect(ParameterLayout(configuration).count == configuration.parameterCount)
    }
  }

  @Test(
    "numbers out of range are named",
    arguments: [
      (0, 1, 8, 4, 9), (1, 0, 8, 4, 9), (1, 3, 8, 4, 9), (1, 1, 0, 4, 9), (1, 1, 8, 0, 9), (1, 1, 8, 4, 0),
      (4097, 1, 8, 4, 9), (1, 1, 1 << 17, 4, 9), (4096, 1, 1 << 16, 4, 9), (.min, .min, .min, .min, .max),
    ])
  func invalid(layers: Int, heads: Int, width: Int, context: Int, vocabularySize: Int) {
    #expect {
      try ModelConfiguration(
        layers: layers, heads: heads, width: width, context: context, vocabularySize: vocabularySize)
    } throws: {
      ($0 as? ComputeError)?.code == "compute.invalidConfiguration"
    }
  }

  @Test("survives JSON, and JSON is checked")
  func coding() throws {
    let data = try JSONEncoder().encode(ModelConfiguration.small)
    #expect(try JSONDecoder().decode(ModelConfiguration.self, from: data) == .small)
    let wrong = Data(#"{"layers":1,"heads":3,"width":8,"context":4,"vocabularySize":9}"#.utf8)
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(ModelConfiguration.self, from: wrong) }
  }
}
