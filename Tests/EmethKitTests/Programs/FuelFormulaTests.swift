import EmethKit
import Testing

@Suite struct FuelFormulaTests {
  @Test func countsGPT2sParameters() throws {
    // The published sizes of GPT-2: small, medium, large, XL.
    let sizes: [(UInt32, UInt32, UInt32, UInt64)] = [
      (12, 12, 768, 124_439_808), (24, 16, 1_024, 354_823_168), (36, 20, 1_280, 774_030_080),
      (48, 25, 1_600, 1_557_611_200),
    ]
    for (layers, heads, width, parameters) in sizes {
      let shape = try ModelShape(
        layers: layers, heads: heads, width: width, context: 1_024, vocabularySize: 50_257)
      #expect(shape.parameterCount == parameters)
    }
  }

  @Test func roundsUpOncePerSubJob() throws {
    let tiny = try ModelShape(layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256)
    #expect(tiny.parameterCount == 834_304)
    // 6 x 834,304 + 12 x 4 x 128 x 64 = 5,399,040 operations per token.
    #expect(tiny.operationsPerTrainedToken == 5_399_040)
    #expect(try FuelFormula.training(model: tiny, tokens: 38_400) == Fuel(units: 208))
    #expect(try FuelFormula.training(model: tiny, tokens: 0) == .zero)
    #expect(try FuelFormula.training(model: tiny, tokens: 1) == Fuel(units: 1))
    #expect(try FuelFormula.forward(model: tiny, tokens: 38_400) == Fuel(units: 70))
  }

  @Test func aThirdIsExactForEveryShape() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(500) {
      let heads = UInt32.random(in: 1...16, using: &generator)
      let shape = try ModelShape(
        layers: .random(in: 1...48, using: &generator), heads: heads,
        width: heads * UInt32.random(in: 1...128, using: &generator),
        context: .random(in: 1...4_096, using: &generator),
        vocabularySize: .random(in: 2...100_000, using: &generator))
      let (n, l) = (UInt256(shape.parameterCount), UInt256(shape.layers))
      let operations = 6 * n + 12 * l * UInt256(shape.width) * UInt256(shape.context)
      let tokens = UInt64.random(in: 0...1 << 40, using: &generator)
      let billion: UInt256 = 1_000_000_000
      let trained = (operations * UInt256(tokens) + billion - 1) / billion
      #expect(try FuelFormula.training(model: shape, tokens: tokens).units == UInt64(trained))
      #expect(operations % 3 == 0)
      let read = (operations / 3 * UInt256(tokens) + billion - 1) / billion
      #expect(try FuelFormula.forward(model: shape, tokens: tokens).units == UInt64(read))
    }
  }

  @Test func moreThan64BitsIsAnError() throws {
    let largest = try ModelShape(
      layers: 1_024, heads: 1_024, width: 65_536, context: 1_048_576, vocabularySize: 16_777_216)
    #expect(throws: ProgramError.fuelOverflow(tokens: .max)) {
      try FuelFormula.training(model: largest, tokens: .max)
    }
    #expect(throws: Never.self) { try FuelFormula.training(model: largest, tokens: 1 << 40) }
  }

  @Test func shapesHaveLimits() throws {
    func field(_ make: () throws -> ModelShape) -> String? {
      do {
        _ = try make()
        return nil
      } catch ProgramError.fieldOutOfRange(let field, _, _) {
        return field
      } catch {
        return "\(error)"
      }
    }
    func shape(_ l: UInt32, _ h: UInt32, _ w: UInt32, _ c: UInt32, _ v: UInt32) throws -> ModelShape {
      try ModelShape(layers: l, heads: h, width: w, context: c, vocabularySize: v)
    }
    #expect(field { try shape(1, 1, 1, 1, 2) } == nil)
    #expect(field { try shape(0, 1, 1, 1, 2) } == "model.layers")
    #expect(field { try shape(1_025, 1, 1, 1, 2) } == "model.layers")
    #expect(field { try shape(1, 0, 1, 1, 2) } == "model.heads")
    #expect(field { try shape(1, 3, 4, 1, 2) } == "model.heads")
    #expect(field { try shape(1, 1, 0, 1, 2) } == "model.width")
    #expect(field { try shape(1, 1, 65_537, 1, 2) } == "model.width")
    #expect(field { try shape(1, 1, 1, 0, 2) } == "model.context")
    #expect(field { try shape(1, 1, 1, 1_048_577, 2) } == "model.context")
    #expect(field { try shape(1, 1, 1, 1, 1) } == "model.vocabularySize")
    #expect(field { try shape(1, 1, 1, 1, 16_777_217) } == "model.vocabularySize")
  }
}
