import Testing

@testable import EmethCompute

@Suite struct ParameterLayoutTests {
  @Test("names ascend by bytes, tensors follow without gaps")
  func order() throws {
    let configuration = try ModelConfiguration(layers: 12, heads: 1, width: 4, context: 3, vocabularySize: 5)
    let layout = ParameterLayout(configuration)
    let names = layout.tensors.map(\.name)
    #expect(
      zip(names, names.dropFirst()).allSatisfy { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    #expect(names.first == "h.0.attn.c_attn.bias")
    #expect(names.last == "wte.weight")
    let tenth = try #require(names.firstIndex(of: "h.10.ln_1.bias"))
    let second = try #require(names.firstIndex(of: "h.2.ln_1.bias"))
    #expect(tenth < second)
    var next = 0
    for tensor in layout.tensors {
      #expect(tensor.offset == next)
      #expect(tensor.count == tensor.shape.reduce(1, *))
      next += tensor.count
    }
    #expect(next == layout.count)
    #expect(layout["h.3.mlp.c_fc.weight"]?.shape == [4, 16])
    #expect(layout["h.3.mlp.c_fc.weight"]?.isMatrix == true)
    #expect(layout["h.12.mlp.c_fc.weight"] == nil)
  }
}
